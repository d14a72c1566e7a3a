"""What a request may be at all, asked before anything of it is parsed: sizes, counts, and UTF-8 only."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

from portal.errors import Refusal

MAX_HEADERS = 80  # above a hundred the web server answers itself, in nobody's words
MAX_HEADER_BYTES = 32 * 1024  # names and values of all headers together
MAX_QUERY_BYTES = 8 * 1024
MAX_PATH_CHARACTERS = 2 * 1024
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
HEADERS_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")
UTF8 = frozenset({"", "utf-8", "utf8"})
# Django writes the bytes of a path that are no UTF-8 as it would have them sent; no address of ours holds such words.
BROKEN = re.compile("%[89A-F][0-9A-F]")
REPLACED = "\ufffd"  # what Django makes of bytes that are no UTF-8
TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def check(meta: Mapping[str, str]) -> None:
    """Raises `too_large`, `invalid_encoding` or `invalid_request`; reads no byte of the body."""
    _check_headers(meta)
    _check_path(meta.get("PATH_INFO", ""))
    _check_body(meta)
    _check_query(meta.get("QUERY_STRING", ""))


def _check_headers(meta: Mapping[str, str]) -> None:
    count = size = 0
    for name, value in meta.items():
        if name.startswith("HTTP_") or name in HEADERS_WITHOUT_PREFIX:
            count += 1
            size += len(name) + len(value)
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise Refusal("too_large")


def _check_path(path: str) -> None:
    if len(path) > MAX_PATH_CHARACTERS:
        raise Refusal("too_large")
    if "\x00" in path:
        raise Refusal("invalid_request")
    if BROKEN.search(path):
        raise Refusal("invalid_encoding")


def _check_body(meta: Mapping[str, str]) -> None:
    length = meta.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refusal("invalid_request")
    if len(length) > 15 or int(length) > settings.MAX_BODY_BYTES:
        raise Refusal("too_large")
    require_utf8(meta.get("CONTENT_TYPE", ""))


def require_utf8(content_type: str) -> None:
    """Raises `invalid_encoding` for a Content-Type that names another charset, however it is written."""
    if "charset" not in content_type.lower():
        return
    try:
        parameters = parse_header_parameters(content_type)[1]
    except (ValueError, LookupError):
        raise Refusal("invalid_encoding") from None
    named = {name.lower(): value for name, value in parameters.items()}.get("charset", "")
    if content_type.lower().count("charset") > 1 or named.strip().lower() not in UTF8:
        raise Refusal("invalid_encoding")


def _check_query(query: str) -> None:
    if len(query) > MAX_QUERY_BYTES:
        raise Refusal("too_large")
    if "%00" in query or "\x00" in query:  # PostgreSQL stores and compares no NUL
        raise Refusal("invalid_request")
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise Refusal("invalid_encoding") from None


def check_form(content_type: str, request: HttpRequest) -> None:
    """Reads a form before anybody else does; raises as `check` does, also for a length that lies.

    A form is refused as a whole: for one NUL, one byte that is no UTF-8, one field too many.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (FORM, MULTIPART):
        return
    try:
        body = request.body
        if kind == FORM:
            _check_text(unquote_to_bytes(body).decode())
        for name, values in request.POST.lists():
            for text in (name, *values):
                _check_text(text, is_decoded=kind == MULTIPART)
    except TOO_LARGE:
        raise Refusal("too_large") from None
    except UnicodeDecodeError:
        raise Refusal("invalid_encoding") from None
    except (MultiPartParserError, SuspiciousOperation):
        raise Refusal("invalid_request") from None


def _check_text(text: str, *, is_decoded: bool = False) -> None:
    if "\x00" in text:
        raise Refusal("invalid_request")
    if is_decoded and REPLACED in text:
        raise Refusal("invalid_encoding")
