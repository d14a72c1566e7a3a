"""What is kept for how long: one engine for all rooms, each of which registers its kinds of things.

A kind removes in small batches, each a short transaction that also counts itself in the run's row. Whatever stops a run,
what it removed is counted, and the next run goes on where it was. Between batches the engine waits as long as the last
one took, so that others write at least half of the time.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.legal_holds import Held, held
from portal.models import RetentionRun
from portal.recording import recorder
from portal.tenancy import EVERYTHING, tenant

logger = logging.getLogger(__name__)
SECONDS = 300.0  # for one kind in one run
LEAST_PAUSE = 0.005  # seconds
LOST_AFTER = timedelta(minutes=15)  # without a batch: its process has died
ACTION = "retention_applied"
Counts = dict[int | None, int]
Tally = Callable[[Counts], None]
State = RetentionRun.State


class Stopped(Exception):
    """A kind cannot go on, and says why; nothing is lost."""


class Kind(Protocol):
    """One kind of things that are kept for a while. `name` is its name in logs; `kept` says for how long, in words."""

    name: str
    place: int
    title: Any
    about: Any

    def kept(self) -> Any: ...

    def due(self, now: datetime, holds: Held) -> "Due":
        """What a run would remove."""

    def batches(self, now: datetime, tally: Tally) -> Iterator[None]:
        """Each step is one transaction at most, and calls `tally({team: count})` in it with what it removed."""


class Due:
    """Counts by team: of what would go, and of what would go but is held."""

    def __init__(self) -> None:
        self.by_team: Counter[int | None] = Counter()
        self.held: Counter[int | None] = Counter()

    @property
    def total(self) -> int:
        return self.by_team.total()

    @property
    def held_total(self) -> int:
        return self.held.total()


_kinds: dict[str, Kind] = {}
_afterwards: list[Callable[[], None]] = []


def register_kind(kind: Kind) -> None:
    _kinds[kind.name] = kind


def register_afterwards(deed: Callable[[], None]) -> None:
    """`deed()` follows each run."""
    if deed not in _afterwards:
        _afterwards.append(deed)


def kinds() -> list[Kind]:
    return sorted(_kinds.values(), key=lambda kind: kind.place)


def due(now: datetime | None = None) -> dict[str, Due]:
    """A dry run: what each kind would remove now."""
    now = now or timezone.now()
    with tenant(EVERYTHING):
        holds = held()
        return {kind.name: kind.due(now, holds) for kind in kinds()}


def apply(*, seconds: float = SECONDS) -> dict[str, RetentionRun]:
    """Removes what is due, kind by kind, each for so long at most. One that fails does not keep the others."""
    end_lost()
    runs = {kind.name: _run(kind, seconds) for kind in kinds()}
    for deed in _afterwards:
        deed()
    return runs


def end_lost() -> None:
    """Writes down of runs whose process died what they removed."""
    with tenant(EVERYTHING):
        lost = RetentionRun.objects.filter(
            ended_at__isnull=True, touched_at__lt=timezone.now() - LOST_AFTER
        )
        for run in lost:
            _end(run.pk, State.INTERRUPTED, "")


def _run(kind: Kind, seconds: float) -> RetentionRun:
    with tenant(EVERYTHING, atomic=True):
        # Of runs that found nothing the last one is enough.
        idle = RetentionRun.objects.filter(kind=kind.name, removed=0, ended_at__isnull=False)
        idle.delete()
        run = RetentionRun.objects.create(kind=kind.name)
    state, note = State.DONE, ""
    try:
        if not _go_through(kind, _Counting(run.pk), seconds):
            state = State.CUT_SHORT
    except Stopped as stop:
        state, note = State.STOPPED, str(stop)
    except Exception:
        logger.exception("retention of %s failed", kind.name)
        state, note = State.STOPPED, "It failed; the log says why."
    return _end(run.pk, state, note)


def _go_through(kind: Kind, tally: Tally, seconds: float) -> bool:
    """False where time was over first."""
    began = time.monotonic()
    until = began + seconds
    for _batch in kind.batches(timezone.now(), tally):
        now = time.monotonic()
        if now >= until:
            return False
        time.sleep(max(LEAST_PAUSE, now - began))
        began = time.monotonic()
    return True


class _Counting:
    """The tally of one run: in the transaction of each batch."""

    def __init__(self, run: int) -> None:
        self.run = run

    def __call__(self, counts: Counts) -> None:
        if not any(counts.values()):
            return
        rows = RetentionRun.objects.filter(pk=self.run)
        by_team = rows.values_list("by_team", flat=True).get()
        for team, count in counts.items():
            name = "" if team is None else str(team)
            by_team[name] = by_team.get(name, 0) + count
        removed = F("removed") + sum(counts.values())
        rows.update(removed=removed, by_team=by_team, touched_at=timezone.now())


def _end(key: int, state: Any, note: str) -> RetentionRun:
    """Once a run, with its entry in the trail if it removed something."""
    with tenant(EVERYTHING), transaction.atomic():
        rows = RetentionRun.objects.filter(pk=key)
        ended = rows.filter(ended_at__isnull=True).update(
            state=state, note=note[:300], ended_at=timezone.now()
        )
        run = rows.get()
        if ended and run.removed:
            changes = {"kind": [None, run.kind], "removed": [0, run.removed]}
            recorder().event(ACTION, changes | {"by_team": [None, run.by_team]})
    return run
