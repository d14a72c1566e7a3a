"""JSON as the interfaces take it: UTF-8 only, no NaN, a bounded depth, and the contract's errors."""

import json
from typing import Any, NoReturn

from rest_framework.parsers import JSONParser

from portal.errors import Refusal

MAX_DEPTH = 64


def read_json(body: bytes, content_type: str = "application/json") -> Any:
    """The value, or `Refusal`: `unsupported_media_type`, `invalid_encoding` or `invalid_request`."""
    media, _, options = content_type.partition(";")
    if media.strip().lower() not in {"application/json", ""}:
        raise Refusal("unsupported_media_type")
    charset = options.partition("charset=")[2].strip(' "').lower()
    if charset not in {"", "utf-8", "utf8"}:
        raise Refusal("invalid_encoding")
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


class StrictJSONParser(JSONParser):
    """DRF's way to `read_json`."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return read_json(stream.read(), media_type or "application/json")
