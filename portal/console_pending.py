"""Where the console's deeds wait for a second person: forms with their inlines, deletion, and actions on lists."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from portal import weakenings

Waiting = Callable[[Any, Any], Sequence[Any]]
_waiting: list[Waiting] = []


def register_waiting(function: Waiting) -> None:
    """`function(user, row)` gives the pending changes of a row, each with a `url` and `words`, for its page."""
    _waiting[:] = [function]


def waiting_for(user: Any, row: Any) -> Sequence[Any]:
    """Nobody is asked for rows that nothing waits for."""
    if not _waiting or row is None or row._meta.label not in weakenings.TABLE:
        return ()
    return _waiting[0](user, row)


class TwoPersonMixin:
    """Each of these pages does its deed at the door, where what weakens is undone and proposed."""

    model: Any

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        def deed() -> HttpResponse:
            return super(TwoPersonMixin, self).changeform_view(  # type: ignore[misc]
                request, object_id, form_url, extra_context
            )

        return weakenings.at_door(request, deed, model=self.model, key=object_id)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        def deed() -> HttpResponse:
            return super(TwoPersonMixin, self).delete_view(request, object_id, extra_context)  # type: ignore[misc]

        return weakenings.at_door(request, deed, model=self.model, key=object_id)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        def deed() -> HttpResponse:
            return super(TwoPersonMixin, self).changelist_view(request, extra_context)  # type: ignore[misc]

        return weakenings.at_door(request, deed, model=self.model)
