"""A long answer that ends with the caller's right to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse

from accounts.models import User
from portal.context import current, entered
from portal.errors import Refusal
from portal.tenancy import Scope, tenant
from projects.access.loading import Selection

Within = Callable[[], AbstractContextManager]


class Body:
    """Pieces of text as bytes, each made in the context of the request, for as long as its credential lives.

    A file that breaks off is no whole one: the connection ends without the answer's end.
    """

    def __init__(self, pieces: Iterator[str], *, caller: Any) -> None:
        self._pieces, self._caller, self._context = pieces, caller, current()

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        with entered(self._context):
            if self._caller is not None and not self._caller.is_live():
                raise Refusal("not_authenticated")
            return next(self._pieces).encode()


def allowed_transactions(request: Any, selection: Selection, scope: Scope) -> Within:
    """The short transactions of a long answer. Each asks anew whether the caller may still read this part: who gives
    up a team stays signed in."""

    @contextmanager
    def within() -> Iterator[None]:
        with tenant(scope):
            by = User.objects.filter(pk=request.user.pk, is_active=True).first()
            if by is None or not Selection.of(by).holds(selection):
                raise Refusal("permission_denied")
            yield

    return within


def file_of(pieces: Iterator[str], *, caller: Any, name: str) -> HttpResponseBase:
    body = Body(pieces, caller=caller)
    response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
