"""The matrix at `/permissions/matrix` as well, with a slash at the end or without."""

from django.urls import path

from projects.access import api

urlpatterns = [path(route, api.MatrixView.as_view(schema=None)) for route in ("matrix", "matrix/")]
