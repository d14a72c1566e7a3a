"""An answer as it comes: nothing leaves before the output guards have passed it, and leaving early settles too."""

import logging
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from guards.stream import StreamInspector
from portal.errors import Refusal, as_refusal
from portal.providers.base import ProviderFailure, Tick, estimate_tokens
from portal.providers.registry import provider_for
from projects import ledger, steps
from projects.outcomes import OUTCOMES, refusal_of
from projects.passage import Passage

logger = logging.getLogger("projects.streaming")
BEAT_EVERY = (
    1.0  # seconds without a byte until a beat goes out: a lost client shows within two of them
)


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that every output guard has passed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing to say yet; doors send a comment, which finds out whether the client is still there."""


@dataclass(frozen=True, slots=True)
class GuardSpoke:
    """A guard intervened: the contract's guard object."""

    guard: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The end, after the exchange is settled; the passage holds the same as an unstreamed answer."""

    passage: Passage


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke off; the exchange is settled with what was produced."""

    refusal: Refusal


Event = Delta | Beat | GuardSpoke | Done | Failed


class AnswerStream:
    """Events of one exchange. `close()` settles it on every way out, also when nobody ever took the first event."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self._events = _events(passage)

    def __iter__(self) -> "AnswerStream":
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def close(self) -> None:
        """The client is gone."""
        self._settle_as("aborted")

    def break_off(self) -> None:
        """The door could not write down what came."""
        self._settle_as("crashed")

    def _settle_as(self, outcome: str) -> None:
        self._events.close()
        if not self.passage.is_closed:
            if self.passage.outcome == "crashed":
                self.passage.outcome = outcome
            ledger.close_failed(self.passage)


def _events(passage: Passage) -> Generator[Event, None, None]:
    try:
        if passage.outcome != "blocked_input":
            yield from _provided(passage)
            steps.judge_output(passage)
        ledger.close(passage)
    except Refusal as refusal:
        yield Failed(_settled(passage, refusal))
    except ProviderFailure as failure:
        yield Failed(_settled(passage, refusal_of(failure)))
    except Exception as error:
        # Raised on, it would reach the web server, whose log knows no request, and end the answer without a word.
        known = as_refusal(error)
        if known is None:
            logger.exception("an answer broke off")
        ledger.close_failed(passage)
        yield Failed(known or Refusal("internal_error"))
    else:
        if passage.guard is not None:
            yield GuardSpoke(passage.guard)
        yield Done(passage)


def _settled(passage: Passage, refusal: Refusal) -> Refusal:
    """Closes with the refusal's outcome; if even that cannot be written, says so instead."""
    passage.outcome = refusal.code if refusal.code in OUTCOMES else passage.outcome
    try:
        ledger.close(passage)
    except Refusal as unwritten:
        return unwritten
    return refusal


def _provided(passage: Passage) -> Iterator[Event]:
    """Feeds the provider's pieces to the output guards and passes on what they release.

    After a block it reads on without releasing anything, so that tokens, findings and the final word are the same
    as unstreamed.
    """
    ledger.release_connection()
    watch = StreamInspector(passage.route.output_guards)
    passage.reached_provider = True
    produced: list[str] = []
    began = last_out = checked = time.monotonic()
    usage = None
    pieces = provider_for(passage.route.provider).stream(passage.request)
    try:
        for piece in pieces:
            allowed, checked = steps.still_allowed(passage, checked)
            if not allowed:
                raise Refusal("permission_denied")
            released = ""
            if not isinstance(piece, Tick):
                if piece.text and passage.provider_seconds_to_first is None:
                    passage.provider_seconds_to_first = time.monotonic() - began
                produced.append(piece.text)
                usage = piece.usage or usage
                passage.finish_reason = piece.finish_reason or passage.finish_reason
                released = watch.feed(piece.text) if piece.text else ""
            if released:
                passage.answer += released
                last_out = time.monotonic()
                yield Delta(released)
            elif time.monotonic() - last_out >= BEAT_EVERY:
                last_out = time.monotonic()
                yield Beat()
        rest = watch.finish()
        passage.output = watch.inspection
        if rest and not watch.blocked and not passage.output.unavailable:
            yield Delta(rest)
    finally:
        _count(passage, "".join(produced), usage)
        pieces.close()


def _count(passage: Passage, produced: str, usage: Any) -> None:
    """Tokens from the provider where it sent them, else estimated from the texts and marked so."""
    if usage is not None:
        passage.prompt_tokens, passage.completion_tokens = (
            usage.prompt_tokens,
            usage.completion_tokens,
        )
        passage.tokens_estimated = usage.estimated
        return
    passage.prompt_tokens = estimate_tokens([m["content"] for m in passage.request.messages])
    passage.completion_tokens = estimate_tokens([produced]) if produced else 0
    passage.tokens_estimated = True
