"""What a request may be at all, asked before anything of it is parsed: sizes, counts, and UTF-8 only."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from portal.errors import Refusal

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024  # names and values of all headers together
MAX_QUERY_BYTES = 8 * 1024
FORM = "application/x-www-form-urlencoded"


def check(meta: Mapping[str, str]) -> None:
    """Raises `too_large`, `invalid_encoding` or `invalid_request`; reads no byte of the body."""
    _check_headers(meta)
    _check_body(meta)
    _check_query(meta)


def _check_headers(meta: Mapping[str, str]) -> None:
    count = size = 0
    for name, value in meta.items():
        if name.startswith("HTTP_"):
            count += 1
            size += len(name) + len(value)
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise Refusal("too_large")


def _check_body(meta: Mapping[str, str]) -> None:
    length = meta.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refusal("invalid_request")
    if len(length) > 15 or int(length) > settings.MAX_BODY_BYTES:
        raise Refusal("too_large")
    charset = meta.get("CONTENT_TYPE", "").lower().partition("charset=")[2].strip(' "')
    if charset.partition(";")[0].strip(' "') not in {"", "utf-8", "utf8"}:
        raise Refusal("invalid_encoding")


def _check_query(meta: Mapping[str, str]) -> None:
    query = meta.get("QUERY_STRING", "")
    if len(query) > MAX_QUERY_BYTES:
        raise Refusal("too_large")
    if "%00" in query or "\x00" in query:  # PostgreSQL stores and compares no NUL
        raise Refusal("invalid_request")
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise Refusal("invalid_encoding") from None


def check_form(content_type: str, request: HttpRequest) -> None:
    """Reads the body of a form, before its fields are; raises `invalid_encoding`, and `too_large` for a lying length."""
    if not content_type.lower().startswith(FORM):
        return
    try:
        body = request.body
        if b"%" in body or not body.isascii():
            unquote_to_bytes(body).decode()
    except RequestDataTooBig:
        raise Refusal("too_large") from None
    except UnicodeDecodeError:
        raise Refusal("invalid_encoding") from None
