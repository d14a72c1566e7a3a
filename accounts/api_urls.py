"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from accounts import resources

router = SimpleRouter()
router.register("users", resources.UserViewSet, basename="user")
router.register("keys", resources.KeyViewSet, basename="key")
urlpatterns = router.urls
