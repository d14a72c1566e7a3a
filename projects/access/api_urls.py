"""Routes below `/api/permissions/`, with a slash at the end or without."""

from typing import Any

from django.urls import URLPattern, path

from projects.access import api, api_history


def _both(route: str, view: Any, name: str) -> list[URLPattern]:
    """The contract's form, which alone is in the OpenAPI document, and the one with a slash."""
    return [
        path(route, view.as_view(), name=name),
        path(f"{route}/", view.as_view(schema=None), name=f"{name}-slash"),
    ]


urlpatterns = [
    *_both("matrix", api.MatrixView, "access-matrix"),
    *_both("changes", api_history.HistoryView, "access-changes"),
    *_both("explain", api.ExplainView, "access-explain"),
    *_both("simulate", api.SimulateView, "access-simulate"),
]
