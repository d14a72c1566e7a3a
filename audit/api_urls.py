"""Routes below `/api/`."""

from rest_framework.routers import SimpleRouter

from audit import api

router = SimpleRouter()
router.register("audit-entries", api.EntryViewSet, basename="audit-entry")
urlpatterns = router.urls
