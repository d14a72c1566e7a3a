"""The portal's own dialect of answers, spoken by the DRF door, the playground and the widget."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse, JsonResponse

from portal.errors import error_body
from portal.markdown import render
from portal.tenancy import tenant
from projects import sse
from projects.passage import Passage
from projects.streaming import AnswerStream, Beat, Delta, Done, Event, Failed, GuardSpoke
from projects.transcript import figures_of, spoken


def as_answer(passage: Passage, *, html: bool = False) -> dict[str, Any]:
    """The contract's object: answer, conversation, exchange, guard, usage; `cost` as a string, null if unknown.

    `html` adds what only our own page needs: the answer as safe HTML, and its figures in words.
    """
    cost = passage.cost
    answer: dict[str, Any] = {
        "answer": passage.answer,
        "conversation": passage.conversation.uid if passage.conversation else None,
        "exchange": passage.uid,
        "guard": passage.guard,
        "usage": {
            "prompt_tokens": passage.prompt_tokens,
            "completion_tokens": passage.completion_tokens,
            "cost": None if cost is None else f"{cost:.6f}",
        },
    }
    if html:
        answer |= {"html": render(passage.answer), "figures": figures_of(passage)}
    return answer


def guard_headers(passage: Passage) -> dict[str, str]:
    """`X-Guard-Action` carries the input's action (decision 10); beside it the limiter's figures."""
    headers = dict(passage.headers)
    if passage.input is not None and passage.input.as_json() is not None:
        headers["X-Guard-Action"] = passage.input.as_json()["action"]
    return headers


def respond(outcome: Passage | AnswerStream, *, html: bool = False) -> HttpResponse:
    """An answer as JSON, or a stream as events `delta`, `guard`, `done`, `error`."""
    if isinstance(outcome, AnswerStream):
        headers = guard_headers(outcome.passage)
        if html:
            # Who stops the answer never hears `done`: goes on in this conversation, or asks this exchange anew.
            headers["X-Exchange"] = outcome.passage.uid
            if outcome.passage.conversation:
                headers["X-Conversation"] = outcome.passage.conversation.uid
        return sse.stream_response(
            outcome, lambda event: _encode(event, outcome.passage, html), headers
        )
    return JsonResponse(as_answer(outcome, html=html), headers=guard_headers(outcome))


def _encode(event: Event, passage: Passage, html: bool) -> Iterator[bytes]:
    match event:
        case Delta(text):
            yield sse.event("delta", {"text": text})
        case Beat():
            yield sse.BEAT
        case GuardSpoke(guard):
            words = _in_words(guard, passage) if html else {}
            yield sse.event("guard", {**guard, **words})
        case Done():
            yield sse.event("done", as_answer(passage, html=html))
        case Failed(refusal):
            yield sse.event("error", error_body(refusal))


def _in_words(guard: dict[str, Any], passage: Passage) -> dict[str, Any]:
    with tenant(passage.scope):
        return asdict(spoken(guard))
