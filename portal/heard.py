"""What the running request said that no log line repeats: its credentials, and people's words.

Nothing is looked at until something is logged. A crash often quotes the value that it broke on.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

SHORTEST = 6  # a shorter one would blacken ordinary words; a code of six digits is hidden
MOST = (
    500  # values of one request; whoever sends more hides the rest by the shapes of `portal.logs`
)
NAMES = re.compile(
    r"(?i)passw|secret|token|pepper|(?:^|_)code|api[_-]?key|cookie|authori[sz]|credential|headers|private"
    r"|^(?:key|message|messages|content|text|prompt|system_prompt|history|title|reason|note|login|email|refresh|access)$"
)
HEADERS = re.compile(r"(?i)AUTHORI[SZ]ATION|COOKIE|TOKEN|SECRET|API_?KEY|PASSW")


class Heard:
    """Of one request, whatever was read of it so far."""

    __slots__ = ("_bodies", "_request")

    def __init__(self, request: Any = None) -> None:
        self._request = request
        self._bodies: list[Any] = []

    def body(self, value: Any) -> None:
        """What a body said, as JSON."""
        self._bodies.append(value)

    def secrets(self) -> list[str]:
        """The values, in every form in which a message may quote them; the longest first."""
        found: dict[str, None] = {}
        for value in self._values():
            for written in (
                value,
                repr(value)[1:-1],
                json.dumps(value)[1:-1],
                quote(value, safe=""),
            ):
                if len(written) >= SHORTEST:
                    found[written] = None
            if len(found) >= MOST:
                break
        return sorted(found, key=len, reverse=True)

    def _values(self) -> Iterator[str]:
        request = self._request
        if request is not None:
            yield from _of_headers(request.META)
            yield from request.COOKIES.values()
            for form in (request.__dict__.get("_post"), request.GET):
                for name in form or ():
                    if NAMES.search(name):
                        yield from form.getlist(name)
            match = getattr(request, "resolver_match", None)
            named = match.kwargs if match else {}
            yield from (str(named[name]) for name in ("key", "token") if name in named)
        for body in self._bodies:
            yield from _below(body, is_secret=False)


def _of_headers(meta: Mapping[str, Any]) -> Iterator[str]:
    for name, value in meta.items():
        if not name.startswith("HTTP_") or not HEADERS.search(name):
            continue
        yield str(value)
        scheme, _space, rest = str(value).partition(" ")
        yield rest
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(rest, validate=True).decode()
            except (binascii.Error, ValueError):
                continue
            yield from (decoded, *decoded.split(":", 1))


def _below(value: Any, *, is_secret: bool) -> Iterator[str]:
    """Strings under a name that speaks of a secret or of somebody's words, however deep. Depth is bounded by the parser."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _below(item, is_secret=is_secret or bool(NAMES.search(str(name))))
    elif isinstance(value, list):
        for item in value:
            yield from _below(item, is_secret=is_secret)
    elif isinstance(value, str) and is_secret:
        yield value
