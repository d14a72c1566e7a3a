"""Reading what OpenAI-compatible servers say, trusting none of it: shapes, counts, characters, error statuses."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portal.providers.base import (
    Completion,
    FailureKind,
    ProviderFailure,
    Usage,
    text_of,
)
from portal.safe_http import Head

FINISH_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call"})
MAX_MODELS = 5_000
MAX_TOKENS = 1_000_000_000
MAX_RETRY_AFTER_S = 3600.0
_LONE = re.compile("[\ud800-\udfff\x00]")
_TOO_LONG = re.compile(r"context.{0,10}(length|window)|maximum context|too many tokens", re.I)


class Answer:
    """An answer as it builds up, from events or at once. Raises ProviderFailure for what is not one."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._half = ""  # the first half of a character that was cut between two events
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.is_done = False

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def take(self, data: bytes) -> str:
        """The text of one event's data, safe to encode and to store."""
        if data.strip() == b"[DONE]":
            self.is_done = True
            return ""
        if not data.strip():  # some servers keep the connection alive so
            return ""
        event = _object(data)
        self.usage = _usage_of(event.get("usage")) or self.usage
        choice = _first_choice(event)
        delta = choice.get("delta")
        self._take_finish(choice)
        if not isinstance(delta, dict):
            return ""
        return self._keep(_said(delta))

    def take_whole(self, body: bytes) -> None:
        """An unstreamed answer's JSON."""
        event = _object(body)
        message = _first_choice(event).get("message")
        if not isinstance(message, dict):
            raise ProviderFailure("broken", detail="no message")
        self._take_finish(_first_choice(event))
        self.usage = _usage_of(event.get("usage"))
        self._keep(_said(message))
        self.rest()
        self.is_done = True

    def adopt(self, completion: Completion) -> None:
        """Takes over a whole answer that came where a stream was asked for."""
        self._texts = [completion.text]
        self.finish_reason = completion.finish_reason
        if not completion.estimated:
            self.usage = Usage(completion.prompt_tokens, completion.completion_tokens)
        self.is_done = True

    def rest(self) -> str:
        """What is left at the end: half a character, shown as one that cannot be."""
        if not self._half:
            return ""
        self._half = ""
        self._texts.append("\ufffd")
        return "\ufffd"

    def _take_finish(self, choice: dict[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason if reason in FINISH_REASONS else "stop"

    def _keep(self, text: str) -> str:
        """Joins a character whose halves came apart; replaces what no database and no encoder can hold."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _LONE.search(text):
            joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            text = joined.replace("\x00", "\ufffd")
        if text:
            self._texts.append(text)
        return text


def _said(message: dict[str, Any]) -> str:
    """The visible text of a message or delta: its content, or its refusal."""
    return text_of(message.get("content")) or text_of(message.get("refusal"))


def _object(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ProviderFailure("broken", detail="malformed JSON") from None
    if not isinstance(event, dict):
        raise ProviderFailure("broken", detail="not an object")
    if event.get("error"):
        raise ProviderFailure(_kind_of_error(event["error"]), detail="error in the body")
    return event


def _first_choice(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            return choice
    return {}


def _usage_of(usage: Any) -> Usage | None:
    """The provider's own figures, if both are believable."""
    if not isinstance(usage, dict):
        return None
    figures = [usage.get("prompt_tokens"), usage.get("completion_tokens", 0)]
    if any(type(figure) is not int or not 0 <= figure <= MAX_TOKENS for figure in figures):
        return None
    return Usage(figures[0], figures[1])


def _kind_of_error(error: Any) -> FailureKind:
    code = error.get("code") if isinstance(error, dict) else None
    if code in (429, "429", "rate_limit_exceeded"):
        return "rate_limited"
    if code in (401, 403, "401", "403", "invalid_api_key"):
        return "misconfigured"
    return "rejected" if _is_about_length(error) else "broken"


def _is_about_length(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    if error.get("code") == "context_length_exceeded":
        return True
    return bool(_TOO_LONG.search(str(error.get("message", ""))[:2000]))


def model_names(body: bytes) -> list[str]:
    """Of `{"data": [{"id": …}]}`; what is not a name is left out. Raises ProviderFailure for what is no list."""
    listed = _object(body).get("data")
    if not isinstance(listed, list):
        raise ProviderFailure("broken", detail="no list of models")
    names = [item.get("id") for item in listed[:MAX_MODELS] if isinstance(item, dict)]
    return [_LONE.sub("", name)[:200] for name in names if isinstance(name, str) and name]


def failure_of_status(head: Head, body: bytes) -> ProviderFailure:
    """What a status other than 200 means. The provider's words are looked at, and never passed on."""
    status = head.status
    kind: FailureKind = "broken"
    if status in (401, 403, 404, 405) or 300 <= status < 400:
        kind = "misconfigured"
    elif status == 429:
        kind = "rate_limited"
    elif status == 408:
        kind = "timeout"
    elif 400 <= status < 500 or _is_about_length(_error_in(body)):
        kind = "rejected"
    waits = kind == "rate_limited" or status == 503
    retry_after = retry_after_s(head.headers.get("retry-after", "")) if waits else None
    return ProviderFailure(kind, retry_after=retry_after, detail=f"status {status}")


def _error_in(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found.get("error") if isinstance(found, dict) else None


def retry_after_s(value: str) -> float | None:
    """Seconds of a `Retry-After` (a number or a date), between 0 and an hour; None if it says nothing."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value):
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER_S)
