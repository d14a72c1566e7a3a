"""Retention of the trail: whole checkpoints, the oldest first, said in a signed line before the first entry goes.

In this order, so that it can stop anywhere and go on: the archive is written and read again, the line is committed and in
the file, the entries go in small batches, and a last range says that it is done. A later run first ends what an earlier
one announced. Nothing goes that does not fit its seal any more, is under a legal hold, or was not forwarded yet.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from audit import archive, sealing
from audit.checkpoint_file import OutOfStep
from audit.forwarding.progress import forwarded_up_to
from audit.models import PrunedRange
from audit.sealed import Prune, Sealed, between, fits, held_of, not_pruned, unfinished
from audit.verifier import Ranges, canonicals
from portal.legal_holds import Held, settled
from portal.legal_holds import held as all_held
from portal.platform_settings import SETTINGS, value
from portal.retention import Counts, Due, Stopped, Tally, register_kind
from portal.tenancy import EVERYTHING, tenant

BATCH = 500  # entries of one transaction
WINDOW = 256  # checkpoints of one line
MOST = 250_000  # entries of one line, and of one archive


@dataclass(slots=True)
class Window:
    """Checkpoints that one line prunes, and what of them is held."""

    chosen: list[Sealed] = field(default_factory=list)
    held: list[Sealed] = field(default_factory=list)

    @property
    def entries(self) -> int:
        return sum(one.count for one in self.chosen)

    @property
    def ranges(self) -> Ranges:
        found: Ranges = []
        for one in self.chosen:
            if found and one.number == found[-1][1] + 1:
                found[-1][1] = one.number
            else:
                found.append([one.number, one.number])
        return found


class Trail:
    """The kind of things that the trail is."""

    name, place = "audit", 50
    title: Any = _("Audit trail")
    about: Any = _("Whole checkpoints, archived before where an archive is set up.")

    def kept(self) -> str:
        words = f"{value('audit_days'):,} {SETTINGS['audit_days'].unit}"
        return f"{words}; {_('archived') if archive.directory() else _('not archived')}"

    def due(self, now: datetime, holds: Held) -> Due:
        found = Due()
        for window in _windows(_cutoff(now), holds):
            found.by_team[None] += window.entries
            found.held[None] += sum(one.count for one in window.held)
        return found

    def batches(self, now: datetime, tally: Tally) -> Iterator[None]:
        try:
            yield from self._batches(now, tally)
        except (archive.Unfit, OutOfStep, sealing.NoKey, OSError) as error:
            raise Stopped(str(error)) from error

    def _batches(self, now: datetime, tally: Tally) -> Iterator[None]:
        with tenant(EVERYTHING):
            begun = unfinished()
        for prune in begun:
            yield from _delete(prune, tally)
        for window in _windows(_cutoff(now), None):
            if window.chosen:
                prune = yield from _announced(window)
                yield from _delete(prune, tally)


def _cutoff(now: datetime) -> datetime:
    """Full days of UTC, so that there are few lines."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=value("audit_days"))


def _windows(cutoff: datetime, holds: Held | None) -> Iterator[Window]:
    """What is over, window by window. Without holds those of the moment count."""
    with tenant(EVERYTHING):
        gaps, floor = not_pruned(), forwarded_up_to()
    for first, last in gaps:
        taken: list[Sealed] = []
        is_over = True
        while is_over and (last is None or first <= last):
            taken, is_over = _take(first, last, cutoff, floor)
            if not taken:
                break
            first = taken[-1].number + 1
            with tenant(EVERYTHING):
                held = held_of(taken, all_held() if holds is None else holds)
            yield Window(
                [one for one in taken if one.number not in held],
                [one for one in taken if one.number in held],
            )


def _take(
    first: int, last: int | None, cutoff: datetime, floor: int | None
) -> tuple[list[Sealed], bool]:
    """The next ones from this number on, and whether more may follow."""
    taken: list[Sealed] = []
    entries = 0
    with tenant(EVERYTHING):
        for one in between(first, last):
            if one.created_at >= cutoff or (floor is not None and one.last_id > floor):
                return taken, False
            taken.append(one)
            entries += one.count
            if len(taken) >= WINDOW or entries >= MOST:
                return taken, True
    return taken, False


def _announced(window: Window) -> Generator[None, None, Prune]:
    """Looks at them, archives them, and then signs that they may go."""
    for one in window.chosen:
        with tenant(EVERYTHING):
            rows = one.rows()
        if not fits(one.said, canonicals(rows)):
            raise Stopped(f"Checkpoint {one.number} does not verify; it was not pruned.")
        yield
    said = None
    if archive.directory():
        said = yield from archive.write(window.chosen)
    made = sealing.seal_prune(ranges=window.ranges, archive=said)
    return Prune(made.number, window.ranges, said)


def _delete(prune: Prune, tally: Tally) -> Iterator[None]:
    """Its entries, and at the end the range that says so; where a hold came meanwhile, what it covers stays for later."""
    if prune.archive:
        archive.require(prune.archive)
    is_whole = True
    for batch in _pieces(prune):
        is_whole &= _delete_batch(prune.number, batch, tally)
        yield
    if is_whole:
        with tenant(EVERYTHING, atomic=True):
            PrunedRange.objects.create(checkpoint=prune.number, first_id=0, last_id=0)


Piece = tuple[Sealed, int, int]


def _pieces(prune: Prune) -> Iterator[list[Piece]]:
    """Its ranges of ids in batches, each of BATCH ids at most; those that are gone already are passed over."""
    batch: list[Piece] = []
    room = BATCH
    for first, last in prune.ranges:
        for piece in _of_checkpoints(first, last):
            one, begin, end = piece
            while begin <= end:
                upto = min(end, begin + room - 1)
                batch.append((one, begin, upto))
                room -= upto - begin + 1
                begin = upto + 1
                if not room:
                    yield batch
                    batch, room = [], BATCH
    if batch:
        yield batch


def _of_checkpoints(first: int, last: int) -> Iterator[Piece]:
    number = first
    while number <= last:
        with tenant(EVERYTHING):
            page = list(_page(number, last))
            there = [
                (one, begin, end) for one in page for begin, end in one.ids if _exists(begin, end)
            ]
        if not page:
            return
        yield from there
        number = page[-1].number + 1


def _page(first: int, last: int) -> Iterator[Sealed]:
    for place, one in enumerate(between(first, last)):
        if place >= WINDOW // 8:
            return
        yield one


def _exists(begin: int, end: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audit_entry WHERE id BETWEEN %s AND %s LIMIT 1", [begin, end])
        return cursor.fetchone() is not None


def _delete_batch(number: int, batch: list[Piece], tally: Tally) -> bool:
    """One transaction: each range is opened, emptied and, on SQLite, closed. False where something of it is held."""
    counts: Counts = {}
    with tenant(EVERYTHING, atomic=True):
        held = held_of({one.number: one for one, _b, _e in batch}.values(), settled())
        free = [(begin, end) for one, begin, end in batch if one.number not in held]
        with connection.cursor() as cursor:
            for begin, end in free:
                PrunedRange.objects.create(checkpoint=number, first_id=begin, last_id=end)
                cursor.execute(
                    "DELETE FROM audit_entry WHERE id BETWEEN %s AND %s RETURNING team_id",
                    [begin, end],
                )
                for (team,) in cursor.fetchall():
                    counts[team] = counts.get(team, 0) + 1
        if free and connection.vendor != "postgresql":
            PrunedRange.objects.create(checkpoint=number, first_id=0, last_id=-1)
        tally(counts)
    return not held


def install() -> None:
    register_kind(Trail())
