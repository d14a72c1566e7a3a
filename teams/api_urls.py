"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from teams import api

router = SimpleRouter()
router.register("teams", api.TeamViewSet, basename="team")
router.register("memberships", api.MembershipViewSet, basename="membership")
router.register("grants", api.GrantViewSet, basename="grant")
urlpatterns = router.urls
