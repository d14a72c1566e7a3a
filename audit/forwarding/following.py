"""Reading the trail from where one stands, so that entries which commit late are never skipped.

Ids are given out before their transactions commit: on PostgreSQL a lower id may appear after a higher one was read. So
an id that is missing below one that was read is *waited for*, as long as any of the transactions runs that were writing
to the trail at that time (`audit.writers`). A missing id whose writers have all ended, and which is not there when one
looks again, was never used.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Self

from django.db import connections
from django.db.models import Max, Q

from audit.models import Entry
from audit.writers import writers
from portal.tenancy import POSTGRESQL

PAGE = 100  # rows a query
MOST_SCANNED = 2000  # rows a step, sent or left out
MOST_BYTES = 2 * 1024 * 1024  # of changes and paths held at a time
MOST_WAITS = 200  # ranges; with more of them one goes no further until some are over
AROUND_THE_START = (
    10_000  # ids before where one begins that are looked at for what is still on its way
)


@dataclass(frozen=True, slots=True)
class Wait:
    """A range of ids that were not there, and who was writing then."""

    first: int
    last: int
    writers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands: all ids up to `upto` are dealt with but for those that are waited for."""

    upto: int
    waits: tuple[Wait, ...] = ()

    @classmethod
    def of(cls, upto: int, stored: Iterable[Any]) -> Self:
        return cls(upto, tuple(Wait(a, b, frozenset(writers)) for a, b, writers in stored))

    @property
    def stored(self) -> list[list[Any]]:
        return [[wait.first, wait.last, sorted(wait.writers)] for wait in self.waits]

    @property
    def complete_upto(self) -> int:
        """The id up to which nothing is outstanding any more."""
        return min((wait.first - 1 for wait in self.waits), default=self.upto)


@dataclass(slots=True)
class Step:
    """What was read, in the order in which it goes out, and where one stands once it is dealt with."""

    place: Place
    entries: list[Entry] = field(default_factory=list)
    is_last: bool = True  # nothing more was there


def newest() -> int:
    return Entry._base_manager.aggregate(found=Max("id"))["found"] or 0


def start(*, from_beginning: bool) -> Place:
    """The place of who begins: before everything, or behind all that is committed now."""
    if from_beginning:
        return Place(0)
    upto = newest()
    if not _is_late_possible():
        return Place(upto)
    since = max(upto - AROUND_THE_START, 0)
    recent = Entry._base_manager.filter(id__gt=since, id__lte=upto).order_by("id")
    gaps = _gaps(since, list(recent.values_list("id", flat=True)))
    running = writers()
    return Place(upto, tuple(Wait(a, b, running) for a, b in gaps[-MOST_WAITS:]) if running else ())


def step(place: Place, *, most: int, wants: Callable[[Entry], bool] = lambda entry: True) -> Step:
    """The next entries from here, late ones first: at most `most` of those that are wanted.

    The place is as it was read, and not kept yet: whoever could not send comes again with the old one.
    """
    running = writers() if place.waits else frozenset()
    taken = _Taken(most, wants)
    if place.waits:
        ranges = [Q(id__gte=wait.first, id__lte=wait.last) for wait in place.waits]
        first = min(wait.first for wait in place.waits)
        taken.read(reduce(or_, ranges) & Q(id__lte=place.upto), after=first - 1)
    waits = _still_waited_for(place.waits, taken, running)
    if taken.is_full:
        return Step(Place(place.upto, tuple(waits)), taken.entries, is_last=False)
    before = len(taken.seen)
    taken.read(Q(), after=place.upto)
    upto, gaps, is_cut = place.upto, list[tuple[int, int]](), False
    if taken.seen[before:]:
        gaps = _gaps(place.upto, taken.seen[before:])
        upto = taken.seen[-1]
    if not _is_late_possible():
        gaps = []
    if len(gaps) > MOST_WAITS - len(waits):
        upto = gaps[MOST_WAITS - len(waits)][0] - 1
        gaps, is_cut = gaps[: MOST_WAITS - len(waits)], True
    # Asked for after the ids were read: who had an id then either still writes, or is seen by whoever looks again.
    now = writers() if gaps else frozenset()
    waits += [Wait(first, last, now) for first, last in gaps]
    entries = [one for one in taken.entries if one.id <= upto]
    return Step(Place(upto, tuple(waits)), entries, is_last=is_cut or not taken.is_full)


class _Taken:
    """Entries as they are read, within bounds of number and size."""

    def __init__(self, most: int, wants: Callable[[Entry], bool]) -> None:
        self.most, self.wants = most, wants
        self.entries: list[Entry] = []
        self.seen: list[int] = []
        self.bytes = 0

    @property
    def is_full(self) -> bool:
        return (
            len(self.entries) >= self.most
            or len(self.seen) >= MOST_SCANNED
            or self.bytes >= MOST_BYTES
        )

    def read(self, condition: Q, *, after: int) -> None:
        """In the order of ids, a page at a time, until there is no more or enough."""
        rows = Entry._base_manager.filter(condition).order_by("id")
        while not self.is_full:
            page = list(rows.filter(id__gt=after)[:PAGE])
            for entry in page:
                self._take(entry)
                after = entry.id
                if self.is_full:
                    return
            if len(page) < PAGE:
                return

    def _take(self, entry: Entry) -> None:
        self.seen.append(entry.id)
        if self.wants(entry):
            self.entries.append(entry)
            self.bytes += sum(len(getattr(entry, name)) for name in ("path", "reason"))
            self.bytes += len(str(entry.changes))


def _still_waited_for(waits: Iterable[Wait], taken: _Taken, running: frozenset[str]) -> list[Wait]:
    """What is left of the waits: without what came, and without those whose writers have all ended before one looked.

    Beyond the last that was read, where there was enough before the end, all stay as they are.
    """
    looked = taken.seen[-1] if taken.is_full and taken.seen else None
    found: list[Wait] = []
    for wait in waits:
        came = [one for one in taken.seen if wait.first <= one <= wait.last]
        for first, last in _gaps(wait.first - 1, [*came, wait.last + 1]):
            if looked is not None and last > looked:
                found.append(Wait(max(first, looked + 1), last, wait.writers))
                last = looked
            if first <= last and (left := wait.writers & running):
                found.append(Wait(first, last, left))
    return found


def _gaps(after: int, ids: Iterable[int]) -> list[tuple[int, int]]:
    """The ranges that are missing behind `after`, between ascending ids."""
    found = []
    for one in ids:
        if one > after + 1:
            found.append((after + 1, one - 1))
        after = one
    return found


def _is_late_possible() -> bool:
    return connections[Entry.objects.db].vendor == POSTGRESQL
