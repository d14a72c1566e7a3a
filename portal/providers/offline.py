"""The built-in provider that needs nothing: deterministic, free, and open about not being a language model.

It does as it is told at the start of the last user message: `say: TEXT`, `words: N`; in development also
`slow: MS` (may stand before the others) and `fail: 500|timeout|reset` (decision 5).
"""

import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from django.conf import settings

from portal.providers.base import (
    TICK,
    ChatRequest,
    Completion,
    Piece,
    ProviderFailure,
    Tick,
    estimated_usage,
    text_of,
)

MODEL_NAME = "offline"
MAX_WORDS = 20_000
MAX_PAUSE_MS = 60_000
WORDS_BEFORE_RESET = 3

_SLOW = re.compile(r"\s*slow:\s*(\d{1,6})\s*", re.IGNORECASE)
_SAY = re.compile(r"\s*say:[ \t]?", re.IGNORECASE)
_WORDS = re.compile(r"\s*words:\s*(\d{1,6})", re.IGNORECASE)
_FAIL = re.compile(r"\s*fail:\s*(500|timeout|reset)\b", re.IGNORECASE)
_WORD = re.compile(r"\s*\S+|\s+")
_VOCABULARY = [
    "the",
    "gate",
    "is",
    "open",
    "for",
    "every",
    "question",
    "that",
    "passes",
    "the",
    "watch",
]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to answer, how slowly (seconds between words), and whether to fail instead."""

    text: str
    pause_s: float = 0.0
    failure: str = ""


class OfflineClient:
    """Answers from arithmetic alone; nothing leaves the process."""

    def complete(self, request: ChatRequest) -> Completion:
        text = ""
        usage = estimated_usage(request, "")
        for piece in self.stream(request):
            if isinstance(piece, Piece):
                text += piece.text
                usage = piece.usage or usage
        return Completion(text, "stop", usage.prompt_tokens, usage.completion_tokens, True)

    def models(self) -> list[str]:
        return [MODEL_NAME]

    def stream(self, request: ChatRequest) -> Generator[Piece | Tick, None, None]:
        plan = _plan(request)
        if plan.failure == "500":
            raise ProviderFailure("broken", detail="told to fail")
        if plan.failure == "timeout":
            raise ProviderFailure("timeout", detail="told to fail")
        for number, word in enumerate(_WORD.findall(plan.text)):
            if plan.failure == "reset" and number == WORDS_BEFORE_RESET:
                raise ProviderFailure("broken", detail="told to fail")
            if number and plan.pause_s:
                yield from _silence(plan.pause_s)
            yield Piece(word)
        yield Piece("", "stop", estimated_usage(request, plan.text))


def _silence(seconds: float) -> Iterator[Tick]:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        if left > 1.0:
            yield TICK


def _plan(request: ChatRequest) -> _Plan:
    asked = [text_of(m.get("content")) for m in request.messages if m.get("role") == "user"]
    question = asked[-1] if asked else ""
    pause_s = 0.0
    if settings.DEVELOPMENT and (slow := _SLOW.match(question)):
        pause_s = min(int(slow[1]), MAX_PAUSE_MS) / 1000
        question = question[slow.end() :]
    if say := _SAY.match(question):
        return _Plan(question[say.end() :], pause_s)
    if words := _WORDS.match(question):
        return _Plan(" ".join(islice(cycle(_VOCABULARY), min(int(words[1]), MAX_WORDS))), pause_s)
    if settings.DEVELOPMENT and (fail := _FAIL.match(question)):
        return _Plan(_default_answer(question), pause_s, fail[1].lower())
    return _Plan(_default_answer(question), pause_s)


def _default_answer(question: str) -> str:
    words = len(question.split())
    return (
        "This is Gatehouse's offline provider. It is not a language model: it understands nothing "
        "and gives this same answer to everything, so that the portal can be tried without one. "
        f"Your message reached it with {words} {'word' if words == 1 else 'words'} and "
        f"{len(question)} {'character' if len(question) == 1 else 'characters'}. "
        "An administrator can connect a real model under Providers in the console."
    )
