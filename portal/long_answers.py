"""A long answer that ends with the caller's right to it."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse

from portal.context import current, entered
from portal.errors import Refusal


class Body:
    """Pieces of text as bytes, each made in the context of the request, for as long as its credential lives.

    A file that breaks off is no whole one: the connection ends without the answer's end. `close` tells the pieces.
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

    def close(self) -> None:
        with entered(self._context):
            if hasattr(self._pieces, "close"):
                self._pieces.close()


def file_of(
    pieces: Iterator[str], *, caller: Any, name: str, kind: str = "text/csv; charset=utf-8"
) -> HttpResponseBase:
    body = Body(pieces, caller=caller)
    response = StreamingHttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
