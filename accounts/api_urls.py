"""Routes below `/api/`."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts import key_resources, pending_resources, resources, token_api
from portal.route_classes import RouteClass, classed

router = SimpleRouter()
router.register("users", resources.UserViewSet, basename="user")
router.register("keys", key_resources.KeyViewSet, basename="key")
router.register(
    "pending-changes", pending_resources.PendingChangeViewSet, basename="pending-change"
)
# Whoever may ask may also know who they are.
classed(RouteClass.CLIENT_API, [pattern for pattern in router.urls if pattern.name == "user-me"])
urlpatterns = [
    *router.urls,
    *classed(
        RouteClass.PUBLIC,
        [
            path("auth/token/", token_api.TokenView.as_view(), name="auth_token"),
            path("auth/token/refresh/", token_api.RefreshView.as_view(), name="auth_refresh"),
        ],
    ),
    *classed(
        RouteClass.CLIENT_API,
        [
            path("auth/logout/", token_api.LogoutView.as_view(), name="auth_logout"),
            path("auth/fresh/", token_api.FreshView.as_view(), name="auth_fresh"),
        ],
    ),
]
