"""Seals entries into checkpoints: read, hashed and signed beside the writers, who never wait for it.

The row is committed first, then its line goes to the checkpoints file; what a crash kept from the file follows with the
next call. Of two sealers at once the slower finds its number taken and begins anew.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audit import checkpoint_file, signing, stored
from audit.checkpoint_file import OutOfStep
from audit.models import Checkpoint
from audit.verifier import (
    FORMAT,
    NAMING,
    Ranges,
    canonicals,
    is_signed,
    leaf,
    previous_of,
    ranges_of,
    root,
    signed_line,
)
from audit.writers import writers
from portal.tenancy import EVERYTHING, tenant

MOST = 8192  # entries of one checkpoint


class NoKey(Exception):
    """There is nothing to sign with."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The chain's end, as the next checkpoint continues it."""

    number: int
    line: str
    to: int
    pending: Ranges
    key: str
    waiting: frozenset[str]


@dataclass(frozen=True, slots=True)
class Window:
    """What the next checkpoint seals, and what may still come."""

    rows: list[tuple[Any, ...]]
    to: int
    pending: Ranges
    waiting: frozenset[str]


START = Newest(0, "", 0, [], "", frozenset())


def seal(*, after_lost_key: bool = False) -> int:
    """Seals all entries that are committed; returns how many. Raises `OutOfStep`, `NoKey`, `OSError`.

    Without new entries there is no new checkpoint. The file is brought in step in any case. `after_lost_key` goes on where
    the newest checkpoint is signed by a key that is configured no more.
    """
    sealed = 0
    _require_sound(after_lost_key=after_lost_key)
    while (count := _next()) is not None:
        sealed += count
        _publish()  # so that the file never lacks more than the newest line
    _publish()
    return sealed


def seal_prune(*, ranges: Ranges, archive: dict[str, str] | None = None) -> Checkpoint:
    """A checkpoint that says: the entries of these checkpoints, by number, may go. In the file when this returns."""
    extra: dict[str, Any] = {"pruned": ranges}
    if archive:
        extra["archive"] = archive
    _require_sound()
    while (made := _written(extra=extra)) is None:
        _publish()
    _publish()
    return made


def _require_sound(*, after_lost_key: bool = False) -> None:
    """Raises `OutOfStep` rather than sign for a past that is not ours: who signs a line vouches for all before it."""
    with tenant(EVERYTHING):
        checkpoint_file.require_in_step()
        before = newest()
    if not before.line or after_lost_key:
        return
    signer = signing.key_named(before.key)
    if signer is None:
        raise OutOfStep(
            f"Checkpoint {before.number} is signed by the key {before.key}, which is not in PORTAL_AUDIT_SIGNING_KEY."
        )
    if not is_signed(json.loads(before.line), signer.public_key().public_bytes_raw()):
        raise OutOfStep(f"The signature of checkpoint {before.number} does not fit.")


def _publish() -> None:
    with tenant(EVERYTHING):
        checkpoint_file.publish()


def newest() -> Newest:
    row = Checkpoint.objects.order_by("-number").first()
    if row is None:
        return START
    said = json.loads(row.line)
    waiting = frozenset(row.waiting.split())
    return Newest(row.number, row.line, said["to"], said["pending"], said["key"], waiting)


def _next() -> int | None:
    """One checkpoint of what is new; how many entries, or None where nothing is."""
    with tenant(EVERYTHING):
        before = newest()
        window = _window(before)
    if not window.rows:
        return None
    made = _written(before=before, window=window)
    return made.count if made else 0


def _written(
    *,
    before: Newest | None = None,
    window: Window | None = None,
    extra: dict[str, Any] | None = None,
) -> Checkpoint | None:
    """The next checkpoint, committed; None where another sealer was faster or the key was handed over first."""
    if before is None:
        with tenant(EVERYTHING):
            before = newest()
    key, hand_over = _key_after(before)
    if hand_over:
        window, extra = None, {"next_key": hand_over}
    window = window or Window([], before.to, before.pending, before.waiting)
    made = _checkpoint(before, window, key, extra or {})
    try:
        with tenant(EVERYTHING), transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return None
    return None if hand_over else made


def _checkpoint(
    before: Newest, window: Window, key: Ed25519PrivateKey, extra: dict[str, Any]
) -> Checkpoint:
    ids = [row[0] for row in window.rows]
    leaves = [leaf(one) for one in canonicals(window.rows)]
    now = timezone.now()
    body = {
        "format": FORMAT,
        "number": before.number + 1,
        "time": now.astimezone(UTC).isoformat(timespec="microseconds"),
        "previous": previous_of(before.line) if before.line else "",
        "ids": ranges_of(ids),
        "count": len(ids),
        "to": window.to,
        "pending": window.pending,
        "root": root(leaves).hex(),
        "leaves": base64.b64encode(b"".join(one[:NAMING] for one in leaves)).decode(),
        "key": signing.id_of(key),
    }
    return Checkpoint(
        number=before.number + 1,
        created_at=now,
        first_id=ids[0] if ids else 0,
        last_id=ids[-1] if ids else 0,
        count=len(ids),
        line=signed_line(body | extra, key),
        waiting=" ".join(sorted(window.waiting)),
    )


def _key_after(before: Newest) -> tuple[Ed25519PrivateKey, str]:
    """Who signs the next line; with the new public key where that line hands over to it."""
    known = signing.keys()
    if not known:
        raise NoKey("PORTAL_AUDIT_SIGNING_KEY is empty.")
    old = signing.key_named(before.key)
    if before.key in ("", signing.id_of(known[0])) or old is None:
        return known[0], ""
    said = json.loads(before.line).get("next_key")
    if said == signing.public_text(known[0]):
        return known[0], ""
    return old, signing.public_text(known[0])


def _window(before: Newest) -> Window:
    """The committed entries that no checkpoint seals, at most MOST of them, the oldest first.

    An id that is missing below one that is there belongs to a transaction which was writing when that one was read, or
    to nobody: so once all that were writing then have ended, what is still missing will never come.
    """
    active = writers()
    is_over = not (before.waiting & active)
    late = stored.among(before.pending, limit=MOST)
    came = {row[0] for row in late}
    pending = _without(before.pending, came)
    if is_over and len(late) < MOST:
        pending = []
    new = stored.after(before.to, limit=MOST - len(late)) if len(late) < MOST else []
    to, missing = before.to, []
    for row in new:
        if row[0] > to + 1:
            missing.append([to + 1, row[0] - 1])
        to = row[0]
    if connection.vendor != "postgresql":
        return Window(late + new, to, [], frozenset())
    return Window(late + new, to, pending + missing, writers())


def _without(ranges: Ranges, gone: set[int]) -> Ranges:
    found: Ranges = []
    for first, last in ranges:
        inside = sorted(one for one in gone if first <= one <= last)
        for one in inside:
            if one > first:
                found.append([first, one - 1])
            first = one + 1
        if first <= last:
            found.append([first, last])
    return found
