"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from accounts import key_resources, resources
from portal.route_classes import RouteClass, classed

router = SimpleRouter()
router.register("users", resources.UserViewSet, basename="user")
router.register("keys", key_resources.KeyViewSet, basename="key")
# Whoever may ask may also know who they are.
classed(RouteClass.CLIENT_API, [pattern for pattern in router.urls if pattern.name == "user-me"])
urlpatterns = router.urls
