"""What every provider kind offers the journey: a request, pieces of an answer, and honest failures."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from django.utils.translation import gettext_lazy as _

from portal.safe_http import TICK as TICK
from portal.safe_http import Tick

FailureKind = Literal[
    "timeout", "unreachable", "rejected", "rate_limited", "misconfigured", "broken"
]

# What people may read of a failure: never the provider's own words, its address or a key.
PUBLIC_WORDS: dict[str, Any] = {
    "timeout": _("The model's provider took too long."),
    "unreachable": _("The model's provider cannot be reached."),
    "rejected": _("The model's provider did not accept this request."),
    "rate_limited": _("The model's provider is busy; try again in a moment."),
    "misconfigured": _("The portal's connection to the model's provider is not set up correctly."),
    "broken": _("The model's provider failed to answer."),
}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question. `model` is the upstream name, `messages` are OpenAI's (`role`, `content`), `parameters` go along."""

    model: str
    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them, or `estimated` where it sent no figures."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a streamed answer. The last one has `finish_reason` and `usage`; any but it may have neither."""

    text: str = field(repr=False)
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    text: str = field(repr=False)
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool


class ProviderFailure(Exception):
    """The provider did not answer. `words` may be shown to people; `retry_after` is in seconds.

    `detail` is for the log: a status or an exception's type, never the provider's text.
    """

    def __init__(
        self, kind: FailureKind, *, retry_after: float | None = None, detail: str = ""
    ) -> None:
        self.kind = kind
        self.words = PUBLIC_WORDS[kind]
        self.retry_after = retry_after
        self.detail = detail
        super().__init__(f"{kind} {detail}".strip())


class ProviderClient(Protocol):
    """One provider, ready to be asked from many threads. All methods raise `ProviderFailure` and nothing else."""

    def complete(self, request: ChatRequest) -> Completion: ...

    def stream(self, request: ChatRequest) -> Generator[Piece | Tick, None, None]:
        """Pieces as they come, `TICK` about every second of silence. Closing it closes the connection at once."""
        ...

    def models(self) -> list[str]:
        """The names of what this provider offers, in its own order: the cheapest question there is."""
        ...


def text_of(content: Any) -> str:
    """The text of a message's `content`: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def estimate_tokens(texts: Iterable[str]) -> int:
    """A rough count where a provider sends none: four UTF-8 bytes a token, one a text at least (OpenAI's rule of thumb)."""
    return sum(max(1, -(-len(text.encode()) // 4)) for text in texts if text)


def estimated_usage(request: ChatRequest, answer: str) -> Usage:
    return Usage(
        prompt_tokens=estimate_tokens(text_of(m.get("content")) for m in request.messages),
        completion_tokens=estimate_tokens([answer]),
        estimated=True,
    )
