"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from portal.api_providers import ModelViewSet, ProviderViewSet

router = SimpleRouter()
router.register("providers", ProviderViewSet, basename="provider")
router.register("models", ModelViewSet, basename="model")

urlpatterns = router.urls
