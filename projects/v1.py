"""The OpenAI-compatible door: `/v1/chat/completions` and `/v1/models`, for keys and tokens: a cookie opens nothing."""

import time
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.authentication import identify
from accounts.callers import Caller
from portal.context import current
from portal.errors import Refusal, error_body
from portal.parsers import read_json
from portal.tenancy import own_transactions
from projects import journey, sse
from projects.answers import guard_headers
from projects.models import Exchange, KeyProject, Project
from projects.passage import Passage
from projects.questions import Arrival, Question, read_completion
from projects.streaming import AnswerStream, Beat, Delta, Done, Event, Failed, GuardSpoke
from teams.models import Team


def identify_bearer(request: HttpRequest) -> Caller:
    """The key or token in the Authorization header; a session alone is nobody here, so no CSRF is needed."""
    return identify(request, bearer_only=True)


@own_transactions
@csrf_exempt
@require_POST
def chat_completions(request: HttpRequest) -> HttpResponse:
    """One completion, streamed or not, in the shapes of the OpenAI API with a `guard` object beside."""

    def read() -> Question:
        return read_completion(read_json(request.body, request.META.get("CONTENT_TYPE", "")))

    arrival = Arrival(Exchange.Door.V1, lambda: identify_bearer(request), read)
    outcome = journey.ask(arrival)
    if isinstance(outcome, AnswerStream):
        encode = _Chunks(outcome.passage)
        return sse.stream_response(outcome, encode, guard_headers(outcome.passage))
    return JsonResponse(completion_json(outcome), headers=guard_headers(outcome))


def completion_json(passage: Passage) -> dict[str, Any]:
    body = _head(passage, "chat.completion")
    body["choices"] = [
        {
            "index": 0,
            "message": {"role": "assistant", "content": passage.answer, "refusal": None},
            "logprobs": None,
            "finish_reason": passage.finish_reason,
        }
    ]
    body["usage"] = _usage(passage)
    if passage.guard is not None:
        body["guard"] = passage.guard
    return body


def _head(passage: Passage, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{passage.uid}",
        "object": kind,
        "created": int(time.time()),
        "model": passage.route.slug,
    }


def _usage(passage: Passage) -> dict[str, int]:
    return {
        "prompt_tokens": passage.prompt_tokens,
        "completion_tokens": passage.completion_tokens,
        "total_tokens": passage.prompt_tokens + passage.completion_tokens,
    }


class _Chunks:
    """Events to chunks. A blocked answer ends with the guard's message in its last chunk, as the contract says."""

    def __init__(self, passage: Passage) -> None:
        self._head = _head(passage, "chat.completion.chunk")
        self._begun = False

    def __call__(self, event: Event) -> Iterator[bytes]:
        match event:
            case Delta(text):
                yield sse.data(self._chunk({"content": text}))
            case Beat():
                yield sse.BEAT
            case GuardSpoke():
                return
            case Done(passage):
                yield from self._end(passage)
            case Failed(refusal):
                yield sse.data(error_body(refusal))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "choices": [choice]}

    def _end(self, passage: Passage) -> Iterator[bytes]:
        blocked = passage.outcome.startswith("blocked")
        last = self._chunk({"content": passage.answer} if blocked else {}, passage.finish_reason)
        if passage.guard is not None:
            last["guard"] = passage.guard
        yield sse.data(last)
        if passage.question.include_usage:
            yield sse.data({**self._head, "choices": [], "usage": _usage(passage)})
        yield b"data: [DONE]\n\n"


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """The projects that the caller may chat with, as models."""
    caller = identify_bearer(request)
    if not caller.may("chat"):
        raise Refusal("permission_denied")
    rows = Project.objects.chattable_by(caller.user).that_chat().filter(is_active=True)
    rows = rows.exclude(team_id__in=Team.objects.closed_to(current().address))
    if caller.key is not None and KeyProject.objects.filter(key=caller.key).exists():
        rows = rows.filter(pk__in=KeyProject.objects.filter(key=caller.key).values("project_id"))
    listed = [
        {
            "id": row.slug,
            "object": "model",
            "created": int(row.created_at.timestamp()),
            "owned_by": row.team.slug,
        }
        for row in rows.select_related("team").defer("system_prompt").order_by("slug")
    ]
    return JsonResponse({"object": "list", "data": listed})
