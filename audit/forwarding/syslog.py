"""Entries and checkpoints as syslog messages: RFC 5424, each with the entry's id in its structured data."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from audit.destinations import Destination
from audit.forwarding import messages
from audit.models import Entry

APP = "gatehouse"
SEVERITIES = {"done": 6, "refused": 4, "failed": 3}  # informational, warning, error
INFORMATIONAL = 6
BOM = b"\xef\xbb\xbf"
LONGEST_VALUE = 64  # characters of a parameter
IN_DATA = (
    *("id", "action", "outcome", "actor_kind", "actor_id", "actor_user_id", "target_type"),
    *("target_id", "team_id", "request_id"),
)


def entry_message(entry: Entry, destination: Destination) -> bytes:
    """One entry, at most as long as the destination takes."""
    data = {name: getattr(entry, name) for name in IN_DATA}
    head = _head(
        destination,
        SEVERITIES.get(entry.outcome, INFORMATIONAL),
        entry.created_at,
        "audit-entry",
        data,
    )
    room = destination.max_message_bytes - len(head) - len(BOM)
    return head + BOM + messages.entry_text(entry, destination, room).encode()


def checkpoint_messages(
    number: int, made_at: datetime, line: str, destination: Destination
) -> list[bytes]:
    """A checkpoint's line, in as many numbered parts as it takes; joined in order they are the line, byte for byte."""
    text = line.encode()
    data: dict[str, Any] = {
        "checkpoint": number,
        "part": 10**6,
        "parts": 10**6,
        "sha256": hashlib.sha256(text).hexdigest(),
    }
    longest = len(_head(destination, INFORMATIONAL, made_at, "audit-checkpoint", data))
    room = destination.max_message_bytes - longest - len(BOM)
    pieces = _pieces(line, room)
    found = []
    for part, piece in enumerate(pieces, start=1):
        data |= {"part": part, "parts": len(pieces)}
        head = _head(destination, INFORMATIONAL, made_at, "audit-checkpoint", data)
        found.append(head + BOM + piece.encode())
    return found


def test_message(destination: Destination) -> bytes:
    head = _head(destination, INFORMATIONAL, timezone.now(), "audit-test", {"test": "true"})
    return head + BOM + messages.text_of({"test": True, "from": APP}).encode()


def framed(message: bytes) -> bytes:
    """By octet counting (RFC 5425, RFC 6587)."""
    return b"%d %s" % (len(message), message)


def _pieces(text: str, room: int) -> list[str]:
    """Cut between characters, each piece at most `room` bytes."""
    if text.isascii():
        return [text[at : at + room] for at in range(0, max(len(text), 1), room)]
    found: list[str] = []
    piece: list[str] = []
    size = 0
    for one in text:
        width = len(one.encode())
        if size + width > room:
            found.append("".join(piece))
            piece, size = [], 0
        piece.append(one)
        size += width
    return [*found, "".join(piece)]


def _head(
    destination: Destination, severity: int, moment: datetime, kind: str, data: dict[str, Any]
) -> bytes:
    """Everything before the text, with the space that ends it."""
    stamp = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    given = "".join(
        f' {name}="{escaped(value)}"' for name, value in data.items() if value not in (None, "")
    )
    element = f"[{APP}@{destination.enterprise_number}{given}]"
    priority = destination.facility * 8 + severity
    return f"<{priority}>1 {stamp} {_host()} {APP} - {kind} {element} ".encode()


def escaped(value: Any) -> str:
    """A parameter's value: `"`, `\\` and `]` behind a backslash, no control characters, cut before it is escaped."""
    text = "".join(one if one.isprintable() else " " for one in str(value)[:LONGEST_VALUE])
    text = text.encode(errors="replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _host() -> str:
    """The portal's own name; what RFC 5424 has for none where it has none."""
    host = urlsplit(settings.BASE_URL).hostname or "-"
    return host if host.isascii() and host.isprintable() and " " not in host else "-"
