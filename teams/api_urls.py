"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from teams import api, api_groups, api_roles

router = SimpleRouter()
router.register("teams", api.TeamViewSet, basename="team")
router.register("memberships", api.MembershipViewSet, basename="membership")
router.register("custom-roles", api_roles.CustomRoleViewSet, basename="custom-role")
router.register("groups", api_groups.GroupViewSet, basename="group")
router.register("group-mappings", api_groups.GroupMappingViewSet, basename="group-mapping")
router.register("grants", api.GrantViewSet, basename="grant")
urlpatterns = router.urls
