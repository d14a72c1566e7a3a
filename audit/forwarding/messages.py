"""What an entry looks like outside: as the trail has it, or as an OCSF event; personal values masked unless chosen.

Each message carries the entry's id, by which a receiver knows what it has already: what is sent may be sent again.
"""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.conf import settings

from audit import ocsf
from audit.changes import unsealed
from audit.destination_fields import is_named, patterns_of
from audit.destinations import Destination
from audit.models import Entry
from portal.encryption import MASK
from portal.keyring import Unreadable

logger = logging.getLogger("audit.forwarding")
ERASED = "(erased)"
PLAIN = (
    *("id", "action", "outcome", "actor_kind", "actor_id", "actor_user_id", "on_behalf_of_id"),
    *("target_type", "target_id", "target_label", "subject_id", "team_id", "reason", "method"),
    *("path", "status", "request_id"),
)
NAMED = ("actor_label", "on_behalf_of", "address")
KEPT = frozenset(
    (
        "id",
        "created_at",
        "action",
        "outcome",
        "actor_kind",
        "actor_id",
        "actor_user_id",
        "target_type",
        "target_id",
        "team_id",
        "request_id",
    )
)
# Of an OCSF event: what makes it one, and in `metadata` the entry's id.
KEPT_OF_OCSF = frozenset(
    ("metadata", "time", "activity_id", "category_uid", "class_uid", "type_uid", "severity_id")
)
# What JSON lets through and a terminal or a line-based reader would not.
_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


def wanted_by(destination: Destination) -> Callable[[Entry], bool]:
    """Which entries it gets."""
    if not destination.sends_entries:
        return lambda entry: False
    outcomes, patterns = destination.outcomes, patterns_of(destination.actions)
    return lambda entry: entry.outcome in outcomes and is_named(patterns, entry.action)


def document_of(entry: Entry, destination: Destination) -> dict[str, Any]:
    """The entry in the destination's format. What OCSF cannot say goes as the trail has it: nothing stays behind."""
    if destination.format == Destination.Format.OCSF:
        try:
            return ocsf_event(entry, personal=destination.includes_personal)
        except Exception:  # one entry that cannot be mapped must not hold back all others
            logger.exception("entry %s has no OCSF event", entry.id)
    return trail_document(entry, personal=destination.includes_personal)


def trail_document(entry: Entry, *, personal: bool) -> dict[str, Any]:
    """By the names of the trail's columns; `changes` as an object."""
    found = {name: getattr(entry, name) for name in PLAIN}
    found["created_at"] = moment_of(entry)
    for name in NAMED:
        found[name] = _named(entry, name, personal=personal)
    found["changes"] = _opened(entry.changes, f"{entry.target_type}.", personal=personal)
    return {name: value for name, value in found.items() if value not in (None, "", {})}


def ocsf_event(entry: Entry, *, personal: bool) -> dict[str, Any]:
    """The event that exports have too, with the entry's id in `metadata.uid`."""
    names = {name: getattr(entry, name) if personal else "" for name in NAMED}
    shown = ocsf.Shown(
        actor=names["actor_label"],
        on_behalf_of=names["on_behalf_of"],
        address=names["address"],
        changes=_opened(entry.changes, f"{entry.target_type}.", personal=personal),
    )
    version = settings.SPECTACULAR_SETTINGS["VERSION"]
    return ocsf.event(entry, shown, product_version=version)


def entry_text(entry: Entry, destination: Destination, most: int) -> str:
    """The entry's JSON in at most `most` bytes."""
    document = document_of(entry, destination)
    keep = KEPT_OF_OCSF if "class_uid" in document else KEPT
    try:
        return fitted(document, most, keep=keep)
    except ValueError:
        return text_of({"id": entry.id, "truncated": sorted(document)})


def moment_of(entry: Entry) -> str:
    moment = entry.created_at.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def text_of(document: Any) -> str:
    """Compact JSON on one line, without a control character."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
    text = _CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return text.encode(errors="replace").decode()


def fitted(document: dict[str, Any], most: int, *, keep: frozenset[str]) -> str:
    """The document's JSON in at most `most` bytes of UTF-8: its longest values give way, one after the other.

    Their names stand in `truncated`, so that nobody takes the rest for the whole. What is named in `keep` stays.
    """
    text = text_of(document)
    if len(text.encode()) <= most:
        return text
    shorter, gone = dict(document), list[str]()
    sizes = {name: len(text_of(value).encode()) for name, value in document.items()}
    for name in sorted(sizes, key=lambda one: -sizes[one]):
        if name in keep:
            continue
        gone.append(name)
        del shorter[name]
        text = text_of({**shorter, "truncated": sorted(gone)})
        if len(text.encode()) <= most:
            return text
    raise ValueError("What is to be kept is too long by itself.")


def _named(entry: Entry, name: str, *, personal: bool) -> str:
    if not personal:
        return MASK if _is_there(entry, name) else ""
    return getattr(entry, name)


def _is_there(entry: Entry, name: str) -> bool:
    """Without opening it."""
    stored = {"actor_label": "actor_sealed", "on_behalf_of": "on_behalf_sealed"}.get(name, name)
    return bool(getattr(entry, stored))


def _opened(value: Any, place: str, *, personal: bool) -> Any:
    """Changes with their sealed values opened, or masked."""
    if isinstance(value, dict):
        if "sealed" in value:
            return _unsealed(value, place) if personal else MASK
        return {
            name: _opened(
                item, place if name in ("added", "removed") else place + name, personal=personal
            )
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_opened(item, place, personal=personal) for item in value]
    return value


def _unsealed(value: dict[str, Any], place: str) -> str:
    try:
        return unsealed(value, place=place)
    except (Unreadable, KeyError, AttributeError):
        return ERASED
