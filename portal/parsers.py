"""JSON as the interfaces take it: UTF-8 only, no NaN, a bounded depth, and the contract's errors."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from rest_framework.parsers import JSONParser

from portal.context import current
from portal.errors import Refusal
from portal.request_limits import require_utf8

MAX_DEPTH = 64


def read_json(body: bytes, content_type: str = "application/json") -> Any:
    """The value, or `Refusal`: `unsupported_media_type`, `invalid_encoding` or `invalid_request`."""
    if content_type.partition(";")[0].strip().lower() not in {"application/json", ""}:
        raise Refusal("unsupported_media_type")
    require_utf8(content_type)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("invalid_encoding") from None
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Refusal("invalid_request") from None
    if _deeper_than(value, MAX_DEPTH):
        raise Refusal("invalid_request")
    current().heard.body(value)
    if "\\u" in text:  # the only way in for what is no text
        for string in _strings(value):
            _require_text(string)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _strings(value: Any) -> Iterator[str]:
    """All strings in it, the names of members too."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item


def _require_text(string: str) -> None:
    """No NUL, which PostgreSQL stores and compares nowhere, and no half of a character, which is no UTF-8."""
    if "\x00" in string:
        raise Refusal("invalid_request")
    try:
        string.encode()
    except UnicodeEncodeError:
        raise Refusal("invalid_encoding") from None


class StrictJSONParser(JSONParser):
    """DRF's way to `read_json`."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return read_json(stream.read(), media_type or "application/json")
