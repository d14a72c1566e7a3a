"""Server-sent events over a stream of the journey, and the response that settles when the client is gone."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

from portal.context import RequestContext, current, entered
from portal.errors import Refusal
from projects.streaming import AnswerStream, Event, Failed

logger = logging.getLogger("projects.sse")
BEAT = b": \n\n"


def event(name: str, data: Any) -> bytes:
    """One named event; JSON never contains a raw line break."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def data(value: Any) -> bytes:
    """One unnamed event, as the OpenAI API streams them."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


class _Body:
    """Bytes of a stream, each taken in the context of the request; closing settles the exchange."""

    def __init__(
        self,
        stream: AnswerStream,
        encode: Callable[[Event], Iterator[bytes]],
        context: RequestContext,
    ) -> None:
        self._stream, self._encode, self._context = stream, encode, context
        self._waiting: list[bytes] = []

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        with entered(self._context):
            while not self._waiting:
                self._waiting.extend(self._taken())
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        return chunk

    def _taken(self) -> list[bytes]:
        """The next event's bytes. One that cannot be had or written down ends the stream, in the door's words."""
        try:
            return list(self._encode(next(self._stream)))
        except StopIteration:
            raise
        except Exception:
            logger.exception("an answer could not be written down")
            self._stream.break_off()
            return list(self._encode(Failed(Refusal("internal_error"))))

    def close(self) -> None:
        with entered(self._context):
            self._stream.close()


def stream_response(
    stream: AnswerStream, encode: Callable[[Event], Iterator[bytes]], headers: dict[str, str]
) -> StreamingHttpResponse:
    """`encode` turns each event into the bytes of the door's dialect."""
    response = StreamingHttpResponse(
        _Body(stream, encode, current()), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    for name, value in headers.items():
        response[name] = value
    return response
