"""What a provider's address, secret and extra headers may look like."""

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# RFC 9110 and the names that carry credentials or routing: none of them is a provider's "extra".
FORBIDDEN_HEADERS = frozenset(
    [
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "api-key",
    ]
)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}\Z")
MAX_EXTRA_HEADERS = 20


def parsed_url(value: str) -> SplitResult:
    """The parts of an http(s) address without user information, spaces or control characters; ValueError if not."""
    if not re.fullmatch(r"[\x21-\x7e]+", value) or "\\" in value:
        raise ValueError("characters")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("scheme")
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("host")
    if parts.port == 0:
        raise ValueError("port")
    return parts


def validate_base_url(value: str) -> None:
    try:
        parts = parsed_url(value)
    except ValueError:
        raise ValidationError(
            _("Enter an http:// or https:// address without user name or password.")
        ) from None
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValidationError(_("The base URL has no query and no fragment."))


def validate_secret(value: str) -> None:
    if not re.fullmatch(r"[\x21-\x7e]*", value):
        raise ValidationError(_("A secret has printable ASCII characters and no spaces."))


def validate_extra_headers(value: Any) -> None:
    """`{"X-Name": "value"}`; hop-by-hop and credential names, and control characters, are refused."""
    if not isinstance(value, dict) or len(value) > MAX_EXTRA_HEADERS:
        raise ValidationError(_("Enter a JSON object of header names and values."))
    for name, content in value.items():
        if not HEADER_NAME.match(name) or name.lower() in FORBIDDEN_HEADERS:
            raise ValidationError(
                _("This header name cannot be set here: %(name)s"), params={"name": name[:100]}
            )
        if not isinstance(content, str) or not HEADER_VALUE.match(content):
            raise ValidationError(
                _("The value of %(name)s is not plain text."), params={"name": name}
            )
