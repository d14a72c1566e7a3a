"""The history of an object on its own page. The room that keeps the trail registers how it is shown."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

Shown = Callable[[Any, HttpRequest, Any], HttpResponse]
_shown: list[Shown] = []


def register_history(shown: Shown) -> None:
    """`shown(page, request, obj)` answers for a console page and one of its objects."""
    _shown[:] = [shown]


def history(page: Any, request: HttpRequest, obj: Any) -> HttpResponse:
    if not _shown:
        raise Http404
    return _shown[0](page, request, obj)
