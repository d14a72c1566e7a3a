"""Routes below `/api/`."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from audit import api, export_api

router = SimpleRouter()
router.register("audit-entries", api.EntryViewSet, basename="audit-entry")
urlpatterns = [
    path("audit-entries/export/", export_api.ExportView.as_view(), name="audit-entries-export"),
    *router.urls,
]
