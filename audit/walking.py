"""The trail from its beginning to its end, checkpoint by checkpoint, in one view of the database."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from audit import stored
from audit.verifier import MOST, Ranges
from portal.tenancy import EVERYTHING, POSTGRESQL, tenant

BATCH = 2048
Row = tuple[Any, ...]
_by_id = itemgetter(0)


class Step(NamedTuple):
    """What a checkpoint says (nothing, where its line cannot be read), the entries that it speaks of as they are there now,
    and whether none is behind them."""

    line: str
    said: dict[str, Any]
    rows: list[Row]
    is_end: Callable[[], bool]


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside is of one moment, however long it takes; nobody waits for it. It cannot write."""
    if connection.in_atomic_block:  # the caller's
        yield
    elif connection.vendor == POSTGRESQL:
        with tenant(EVERYTHING), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")  # a plain one: Django's would keep all writers out
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def walk(lines: Iterable[str]) -> Iterator[Step]:
    """Each line with the entries that it has to answer for; call it inside of `snapshot`.

    Those are the entries between the last checkpoint's end and its own, less those that may still be coming, and what
    could still have come before and can no more. Where there are more than a checkpoint may have, not all are read.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"{stored.select('1 = 1')} ORDER BY id")
        rows = _Rows(cursor)
        pending: Ranges = []
        for line in lines:
            said = _said(line)
            if said is None:  # changed by hand: what was its own goes with the next
                yield Step(line, {}, [], rows.is_over)
                continue
            found = list(stored.among(minus(pending, said["pending"]), limit=MOST + 1))
            pending = said["pending"]
            for piece in rows.until(said["to"]):
                found += [row for row in piece if not _is_in(pending, row[0])] if pending else piece
                if len(found) > MOST:
                    break
            yield Step(line, said, found, rows.is_over)


def _said(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
        is_one = isinstance(said["to"], int) and all(
            isinstance(first, int) and isinstance(last, int) for first, last in said["pending"]
        )
    except (ValueError, TypeError, LookupError):
        return None
    return said if is_one else None


class _Rows:
    """A stream by ascending id."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._held: list[Row] = []

    def until(self, last: int) -> Iterator[list[Row]]:
        """Those up to this id that were not given yet."""
        while not self.is_over() and self._held[0][0] <= last:
            cut = bisect_right(self._held, last, key=_by_id)
            piece, self._held = self._held[:cut], self._held[cut:]
            yield piece

    def is_over(self) -> bool:
        if not self._held:
            self._held = self._cursor.fetchmany(BATCH)
        return not self._held


def minus(ranges: Ranges, less: Ranges) -> Ranges:
    """The ids that are in `ranges` and not in `less`; both ascend."""
    found: Ranges = []
    for first, last in ranges:
        for start, end in less:
            if end < first or start > last:
                continue
            if first < start:
                found.append([first, start - 1])
            first = end + 1
        if first <= last:
            found.append([first, last])
    return found


def _is_in(ranges: Ranges, entry_id: int) -> bool:
    place = bisect_right(ranges, entry_id, key=_by_id)
    return place > 0 and entry_id <= ranges[place - 1][1]
