"""The filtered trail as a file, while it is being read: CSV, JSON lines, or events of OCSF.

Each batch is a short transaction that asks anew whether the reader still may. Labels, addresses and sealed values are
personal: they are masked, unless the reader has the right to them and asked for them. That it was asked for is in the
trail before the first line, and how much was given before the last.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit import labels, ocsf, trail
from audit.changes import unsealed
from audit.models import Entry
from audit.ocsf import Shown
from audit.paging import Reader
from portal.api_settings import SPECTACULAR_SETTINGS
from portal.encryption import MASK
from portal.errors import Refusal
from portal.keyring import Unreadable
from portal.spreadsheets import line

PERSONAL = "audit.view_personal"
BATCH = 500  # entries in one short transaction
PIECE = 64 * 1024  # characters handed to the server at a time, at least
COLUMNS = (
    *("id", "created_at", "action", "outcome", "actor_kind", "actor_id", "actor_user_id"),
    *("actor_label", "on_behalf_of_id", "on_behalf_of", "target_type", "target_id"),
    *("target_label", "subject_id", "team_id", "changes", "reason", "method", "path", "status"),
    *("address", "request_id"),
)
FORMATS: dict[str, tuple[Any, str, str]] = {  # words, ending, content type
    "csv": (_("CSV, for spreadsheets"), "csv", "text/csv; charset=utf-8"),
    "jsonl": (_("JSON lines, an entry each"), "jsonl", "application/x-ndjson"),
    "ocsf": (_("OCSF events, as JSON lines"), "ocsf.jsonl", "application/x-ndjson"),
}
Within = Callable[[], AbstractContextManager]


@transaction.atomic
def begin_export(*, by: Any, reader: Reader, kind: str, personal: bool) -> int:
    """Records that this part leaves the portal, and answers the id that the file ends before.

    Raises `Refusal`: `permission_denied` where personal data is asked for without the right.
    """
    if personal and not by.has_perm(PERSONAL):
        raise Refusal("permission_denied", _("Personal data of the trail is not yours to export."))
    newest = reader.ids(limit=1)
    asked = {"format": kind, "personal": personal, "filters": reader.search.said}
    trail.record(action="trail_exported", target=by, changes=asked)
    return newest[0] + 1 if newest else 0


def lines(
    make: Callable[[], Reader], *, end: int, kind: str, personal: bool, within: Within
) -> Iterator[str]:
    """The file in pieces. `within()` is each batch's transaction, in which `make()` gives the reader of that moment."""
    write = WRITERS[kind]
    piece = line(COLUMNS) if kind == "csv" else ""
    count, last, is_whole = 0, 0, False
    try:
        while last < end:
            with within():
                found, last = make().batch(after=last, before=end, limit=BATCH)
                labels.read_ahead(found, changes=personal)
                texts = [write(entry, shown(entry, personal=personal)) for entry in found]
            count += len(found)
            piece += "".join(texts)
            if len(piece) >= PIECE and last < end:
                yield piece
                piece = ""
        is_whole = True
    finally:
        with within():
            changes = {"format": kind, "count": count, "whole": is_whole}
            trail.record(action="trail_export_ended", changes=changes)
    if piece:
        yield piece


def shown(entry: Entry, *, personal: bool) -> Shown:
    if personal:
        changes = _mapped(entry.changes, entry.target_type)
        return Shown(entry.actor_label, entry.on_behalf_of, entry.address, changes)
    whose = entry.actor_user_id is not None
    return Shown(
        MASK if whose and entry.actor_sealed else entry.actor_sealed,
        MASK if entry.on_behalf_sealed else "",
        "",
        _mapped(entry.changes, None),
    )


def _mapped(changes: dict[str, Any], target_type: str | None) -> dict[str, Any]:
    return {
        name: _plain(value, f"{target_type}.{name}" if target_type is not None else None)
        for name, value in changes.items()
    }


def _plain(value: Any, place: str | None) -> Any:
    """Sealed values opened, or masked where there is no place to open them for."""
    if isinstance(value, list):
        return [_plain(item, place) for item in value]
    if not isinstance(value, dict):
        return value
    if "sealed" not in value:
        return {name: _plain(item, place) for name, item in value.items()}
    if place is None:
        return MASK
    try:
        return unsealed(value, place=place)
    except Unreadable:
        return "(erased)"


def _flat(entry: Entry, said: Shown) -> dict[str, Any]:
    over = {
        "created_at": entry.created_at.isoformat(timespec="microseconds"),
        "actor_label": said.actor,
        "on_behalf_of": said.on_behalf_of,
        "address": said.address,
        "changes": said.changes,
    }
    return {name: over[name] if name in over else getattr(entry, name) for name in COLUMNS}


def _csv(entry: Entry, said: Shown) -> str:
    values = _flat(entry, said)
    values["changes"] = "; ".join(_change(*pair) for pair in said.changes.items())
    return line(values.values())


def _change(name: str, change: Any) -> str:
    if isinstance(change, list) and len(change) == 2:
        return f"{name}: {_text(change[0])} → {_text(change[1])}"
    return f"{name}: {_text(change)}"


def _text(value: Any) -> str:
    if value in (None, ""):
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _jsonl(entry: Entry, said: Shown) -> str:
    return json.dumps(_flat(entry, said), ensure_ascii=False) + "\n"


def _ocsf(entry: Entry, said: Shown) -> str:
    found = ocsf.event(entry, said, product_version=SPECTACULAR_SETTINGS["VERSION"])
    return json.dumps(found, ensure_ascii=False) + "\n"


WRITERS: dict[str, Callable[[Entry, Shown], str]] = {"csv": _csv, "jsonl": _jsonl, "ocsf": _ocsf}
