"""Storing today's matrix: read in one consistent view, kept in a file meanwhile, written in one short transaction."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from tempfile import TemporaryFile
from typing import IO

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.tenancy import EVERYTHING, POSTGRESQL, tenant
from projects.access.facts import Person, Places
from projects.access.loading import Selection, in_chunks, places
from projects.access.packing import RULES, Holder, TeamPart, pack, packed_places
from projects.access.reaches import reaches
from projects.models import PermissionSnapshot, PermissionSnapshotPart

KEPT_DAYS = 400
CHUNK = 1000  # people whose facts and reaches are in memory at a time
WRITTEN = 100  # parts in one statement


@dataclass(slots=True)
class _Counts:
    people: int = 0
    rows: int = 0
    size: int = 0
    admins: list[int] = field(default_factory=list)
    admins_in: dict[int, list[int]] = field(default_factory=dict)


def take_snapshot(*, replace: bool = True) -> PermissionSnapshot:
    """Today's snapshot, with all of its parts or not at all. There is one a day: a later one takes the place of the
    first, or, without `replace`, the first stays.

    It sees one moment, however long it takes, and stops nobody who writes meanwhile.
    """
    today = timezone.localdate()
    if not replace and (found := PermissionSnapshot.objects.filter(day=today).first()):
        return found
    taken_at = timezone.now()
    with TemporaryFile() as spool:
        with _one_moment():
            counts = _read(spool)
        spool.seek(0)
        return _write(spool, counts, PermissionSnapshot(day=today, taken_at=taken_at))


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that reads what was committed when it began. On SQLite one that takes no lock of the writers'."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == POSTGRESQL:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _read(spool: IO[bytes]) -> _Counts:
    """Every chunk's parts into the file, then the teams' projects and the platform's part."""
    selection = Selection.everything()
    here, holder, counts = places(selection), Holder(), _Counts()
    for number, found in enumerate(in_chunks(selection, size=CHUNK), 1):
        for team, part in _parts(found, here, holder, counts).items():
            _spool(spool, counts, team, number, found[-1].id, part.packed())
    for team in here.teams:
        mine, admins = here.of_team(team).all, counts.admins_in.get(team, ())
        if mine or admins:
            _spool(spool, counts, team, 0, 0, packed_places(mine, admins))
    _spool(spool, counts, None, 0, 0, pack(counts.admins))
    return counts


def _parts(
    found: list[Person], here: Places, holder: Holder, counts: _Counts
) -> dict[int, TeamPart]:
    """A platform admin reaches everything: their id says it all."""
    parts: dict[int, TeamPart] = {}
    for person in found:
        mine = reaches(person, here)
        counts.people += bool(mine)
        counts.rows += sum(map(len, mine))
        if person.is_active and person.is_superuser:
            counts.admins.append(person.id)
            for standing in person.standings:
                counts.admins_in.setdefault(standing.team, []).append(person.id)
            continue
        for reach in mine:
            part = parts.setdefault(reach.projects[0].team, TeamPart())
            part.add(person.id, holder.held(reach))
    return parts


def _spool(
    spool: IO[bytes], counts: _Counts, team: int | None, chunk: int, last: int, data: bytes
) -> None:
    counts.size += len(data)
    spool.write(json.dumps([team, chunk, last, len(data)]).encode() + b"\n" + data)


def _spooled(spool: IO[bytes], snapshot: PermissionSnapshot) -> Iterator[PermissionSnapshotPart]:
    while head := spool.readline():
        team, chunk, last, length = json.loads(head)
        yield PermissionSnapshotPart(
            snapshot=snapshot, team_id=team, chunk=chunk, last_user=last, data=spool.read(length)
        )


def _write(spool: IO[bytes], counts: _Counts, snapshot: PermissionSnapshot) -> PermissionSnapshot:
    snapshot.people, snapshot.rows, snapshot.size = counts.people, counts.rows, counts.size
    snapshot.rules = RULES
    with tenant(EVERYTHING, atomic=True):
        _remove(PermissionSnapshot.objects.filter(day=snapshot.day))
        snapshot.save(force_insert=True)
        batch: list[PermissionSnapshotPart] = []
        for part in _spooled(spool, snapshot):
            batch.append(part)
            if len(batch) == WRITTEN:
                PermissionSnapshotPart.objects.bulk_create(batch)
                batch = []
        PermissionSnapshotPart.objects.bulk_create(batch)
        prune(today=snapshot.day)
    return snapshot


def prune(*, today: date) -> None:
    """Snapshots older than `KEPT_DAYS` go."""
    _remove(PermissionSnapshot.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)))


def _remove(snapshots: QuerySet) -> None:
    """The parts in one statement: Django would read them first."""
    parts = PermissionSnapshotPart.objects.filter(snapshot__in=snapshots)
    parts._raw_delete(parts.db)
    snapshots.delete()
