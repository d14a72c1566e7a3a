"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from guards.api import GuardEventViewSet, GuardViewSet

router = SimpleRouter()
router.register("guards", GuardViewSet, basename="guard")
router.register("guard-events", GuardEventViewSet, basename="guard-event")

urlpatterns = router.urls
