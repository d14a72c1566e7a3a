"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from portal.api_platform_settings import SettingViewSet
from portal.api_providers import ModelViewSet, ProviderViewSet

router = SimpleRouter()
router.register("providers", ProviderViewSet, basename="provider")
router.register("models", ModelViewSet, basename="model")
router.register("settings", SettingViewSet, basename="setting")

urlpatterns = router.urls
