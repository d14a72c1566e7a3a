"""Model servers that speak OpenAI's chat completions: OpenAI, Azure, vLLM, Ollama, llama.cpp, LiteLLM and many more."""

import json
from collections.abc import Generator
from typing import Any

import requests

from portal.models import Provider
from portal.providers.base import (
    TICK,
    ChatRequest,
    Completion,
    Piece,
    ProviderFailure,
    Tick,
    estimated_usage,
)
from portal.providers.openai_answers import Answer, failure_of_status, model_names
from portal.providers.sse import BadEvents, EventParser
from portal.safe_http import Head, OutboundFailure, SafeClient, Timeouts

MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
# A complete answer does not fail because its usage or its [DONE] never comes.
TICKS_AFTER_THE_END = 3
NOT_WITHOUT_BODY = frozenset({"Content-Type", "Content-Length"})
OURS = frozenset({"model", "messages", "stream", "stream_options", "n"})

_FAILURES = {
    "timeout": "timeout",
    "unreachable": "unreachable",
    "refused": "misconfigured",
    "untrusted": "misconfigured",
    "broken": "broken",
    "too_large": "broken",
}


class OpenAIClient:
    """One provider's pooled connections; asked from many threads."""

    def __init__(self, provider: Provider, *, ca_file: str | None = None) -> None:
        url = provider.base_url.rstrip("/") + "/chat/completions"
        self._models_url = provider.base_url.rstrip("/") + "/models"
        self._client = SafeClient(
            url,
            Timeouts(provider.connect_timeout_s, provider.read_timeout_s, provider.total_timeout_s),
            ca_file=ca_file,
        )
        headers = {
            **provider.extra_headers,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "gatehouse",
        }
        if provider.secret:
            headers["Authorization"] = f"Bearer {provider.secret}"
        self._template = requests.PreparedRequest()
        self._template.prepare(method="POST", url=url, headers=headers, data=b"{}")

    def complete(self, request: ChatRequest) -> Completion:
        try:
            head, body = self._client.fetch(
                self._prepared(request, stream=False), max_bytes=MAX_ANSWER_BYTES
            )
        except OutboundFailure as failure:
            raise _named(failure) from None
        if head.status != 200:
            raise failure_of_status(head, body)
        return _completion(request, body)

    def models(self) -> list[str]:
        listing = requests.PreparedRequest()
        headers = {n: v for n, v in self._template.headers.items() if n not in NOT_WITHOUT_BODY}
        listing.prepare(method="GET", url=self._models_url, headers=headers)
        try:
            head, body = self._client.fetch(listing, max_bytes=MAX_ANSWER_BYTES)
        except OutboundFailure as failure:
            raise _named(failure) from None
        if head.status != 200:
            raise failure_of_status(head, body)
        return model_names(body)

    def stream(self, request: ChatRequest) -> Generator[Piece | Tick, None, None]:
        source = self._client.stream(self._prepared(request, stream=True))
        answer = Answer()
        try:
            yield from self._pieces(request, source, answer)
        except (OutboundFailure, BadEvents) as failure:
            if answer.finish_reason is None:
                raise _named(failure) from None
        finally:
            source.close()
        usage = answer.usage or estimated_usage(request, answer.text)
        yield Piece(answer.rest(), answer.finish_reason or "stop", usage)

    def _pieces(
        self, request: ChatRequest, source: Any, answer: Answer
    ) -> Generator[Piece | Tick, None, None]:
        head: Head | None = None
        events = EventParser()
        collected = (
            bytearray()
        )  # a body that is not a stream of events: an error, or a whole answer
        is_stream = False
        size = patience = 0
        for item in source:
            if item is TICK:
                patience += answer.finish_reason is not None
                if patience > TICKS_AFTER_THE_END:
                    return
                yield item
            elif isinstance(item, Head):
                head = item
                is_stream = item.status == 200 and "json" not in item.headers.get(
                    "content-type", ""
                )
            elif not is_stream:
                collected += item
                if len(collected) > (
                    MAX_ANSWER_BYTES if head and head.status == 200 else MAX_ERROR_BYTES
                ):
                    break
            else:
                size += len(item)
                if size > MAX_ANSWER_BYTES:
                    raise OutboundFailure("too_large")
                for data in events.feed(item):
                    if text := answer.take(data):
                        yield Piece(text)
                    if answer.is_done:
                        return
        if head is not None and head.status != 200:
            raise failure_of_status(head, bytes(collected))
        if not is_stream:
            completion = _completion(request, bytes(collected))
            answer.adopt(completion)
            yield Piece(completion.text)
            return
        for data in events.end():
            if text := answer.take(data):
                yield Piece(text)
        if answer.finish_reason is None and not answer.is_done:
            raise OutboundFailure("broken", "no end")

    def _prepared(self, request: ChatRequest, *, stream: bool) -> requests.PreparedRequest:
        body: dict[str, Any] = {
            name: value for name, value in request.parameters.items() if name not in OURS
        }
        body |= {"model": request.model, "messages": list(request.messages)}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        prepared = self._template.copy()
        prepared.body = json.dumps(body, separators=(",", ":")).encode()
        prepared.headers["Content-Length"] = str(len(prepared.body))
        return prepared


def _completion(request: ChatRequest, body: bytes) -> Completion:
    answer = Answer()
    answer.take_whole(body)
    usage = answer.usage or estimated_usage(request, answer.text)
    return Completion(
        answer.text,
        answer.finish_reason or "stop",
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.estimated,
    )


def _named(failure: Exception) -> ProviderFailure:
    kind = failure.kind if isinstance(failure, OutboundFailure) else "broken"
    return ProviderFailure(_FAILURES[kind], detail=str(failure))  # type: ignore[arg-type]
