"""Pages of the trail by id: the same cost at any depth, and what arrives meanwhile moves nothing.

First the ids of a page are found, by one index that also holds what else is asked for, then their rows. Who reads
several teams gets the newest of each, merged: an index for each team, instead of the whole trail filtered by them.
What combines several common values may not occur at all; it is looked for among so many ids at a time, and the page
says how far it looked.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from audit.models import Entry
from audit.querysets import readable_teams
from audit.searching import HIGHEST, LOWEST, Search, newest_id
from portal.tenancy import POSTGRESQL

PAGE = 50
WINDOW = 2_000_000  # ids that one page looks through for a combination
# By one of these alone entries are few enough, or the index that finds them says their team.
FEW = frozenset({"request_id", "target_id", "target_id__in"})
WITH_TEAM = frozenset({"target_label", "address", "subject_id", "actor_id", "actor_user_id"})
UNKNOWN: Any = object()
COMMON = frozenset({"action", "target_type", "outcome"})
_is_said: ContextVar[bool] = ContextVar("is_said", default=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `older` and `newer` are the ids before and after which the next pages begin; None at an end.

    `looked_to` is where looking ended before the trail did.
    """

    entries: list[Entry]
    older: int | None
    newer: int | None
    looked_to: int | None = None


class Reader:
    """One person's way through the part of the trail that they may read and look for."""

    def __init__(
        self, user: Any, search: Search | None = None, *, readable: list[int] | None = UNKNOWN
    ) -> None:
        """`readable` are the teams whose trail they read (`readable_teams`), where somebody asked already."""
        self.search = search or Search()
        self.teams = readable_teams(user) if readable is UNKNOWN else readable
        if self.teams is not None and self.search.team_id is not None:
            self.teams = [team for team in self.teams if team == self.search.team_id]
        self._low, self._high = self.search.bounds()

    def page(
        self, *, before: int | None = None, after: int | None = None, size: int = PAGE
    ) -> Page:
        return page_of([self], before=before, after=after, size=size)

    def ids(self, *, before: int | None = None, after: int | None = None, limit: int) -> list[int]:
        """Before an id newest first, after one oldest first; within the window, where there is one."""
        if self.teams == []:
            return []
        low, high, _end = self.window(before=before, after=after)
        order = "pk" if after is not None else "-pk"
        if low > high:
            return []
        with in_order_of_ids():
            if self._is_merged:
                return self._merged(low, high, order, limit)
            found = self._within(low, high).order_by(order).values_list("pk", flat=True)
            return list(found[:limit])

    def window(
        self, *, before: int | None = None, after: int | None = None
    ) -> tuple[int, int, int | None]:
        """The lowest and the highest id that are looked at, and where that ends before the range does; None if not."""
        low, high = self._low, self._high
        if before is not None:
            high = min(high, before - 1)
        if after is not None:
            low = max(low, after + 1)
        if not self._is_combined:
            return low, high, None
        span = WINDOW // 2 if self._is_merged else WINDOW
        if self._high == HIGHEST:
            high = min(high, self._newest)
        if high - low < span:
            return low, high, None
        if after is not None:
            return low, low + span - 1, low + span - 1
        return high - span + 1, high, high - span + 1

    def batch(self, *, after: int, before: int, limit: int) -> tuple[list[Entry], int]:
        """Oldest first, between two ids; and the id after which the next begins."""
        _low, _high, end = self.window(after=after)
        found = [key for key in self.ids(after=after, limit=limit) if key < before]
        if len(found) == limit:
            return rows(found), found[-1]
        return rows(found), before if end is None else end

    def about_how_many(self) -> int | None:
        """The planner's guess from its statistics, for who reads everything; None where there is none. Nothing is counted."""
        if connection.vendor != POSTGRESQL or self.teams is not None:
            return None
        there = _rows_of_table()
        if not self.search or not there:
            return there
        # The policy, which lets this reader see everything, makes the planner expect too few of both.
        share = _expected(self._within(self._low, self._high)) / _expected(Entry.objects.all())
        return round(there * min(share, 1))

    @cached_property
    def _newest(self) -> int:
        return newest_id()

    @property
    def _is_combined(self) -> bool:
        """Whether several values are asked for that may each be common, and that no one index finds together."""
        asked = set(self.search.equal)
        if self.teams is not None:
            asked.add("team_id")
        return len(asked) > 1 and not asked & FEW and not asked <= {"team_id", *(asked & WITH_TEAM)}

    @property
    def _is_merged(self) -> bool:
        several = self.teams is not None and len(self.teams) > 1
        return several and connection.vendor == POSTGRESQL and set(self.search.equal) <= COMMON

    def _within(self, low: int, high: int) -> QuerySet:
        found = self.search.apply(Entry.objects.all())
        if self.teams is not None and self.search.team_id is None:
            found = found.filter(team_id__in=self.teams)
        if low > LOWEST:
            found = found.filter(pk__gte=low)
        return found.filter(pk__lte=high) if high < HIGHEST else found

    def _merged(self, low: int, high: int, order: str, limit: int) -> list[int]:
        """`limit` of each team by an index of its own, then of all of them."""
        found = self.search.apply(Entry.objects.filter(team_id=RawSQL("mine.team", ())))
        found = found.filter(pk__gte=low, pk__lte=high).order_by(order).values("id")[:limit]
        sql, params = found.query.sql_with_params()
        way = "DESC" if order == "-pk" else "ASC"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT found.id FROM unnest(%s::bigint[]) AS mine(team) "  # noqa: S608 - Django's own SQL
                f"CROSS JOIN LATERAL ({sql}) AS found ORDER BY found.id {way} LIMIT {limit:d}",
                [self.teams, *params],
            )
            return [key for (key,) in cursor.fetchall()]


def page_of(
    readers: Sequence[Reader], *, before: int | None, after: int | None, size: int = PAGE
) -> Page:
    """What the readers find together: the newest, or those on one side of an id. Past the newest it is the first page."""
    with in_order_of_ids():
        return _page_of(readers, before=before, after=after, size=size)


def _page_of(
    readers: Sequence[Reader], *, before: int | None, after: int | None, size: int
) -> Page:
    if after is not None:
        ids = _of_all(readers, limit=size + 1, after=after)
        shown = ids[:size][::-1]
        ends = [end for one in readers if (end := one.window(after=after)[2]) is not None]
        if len(ids) > size:
            return Page(rows(shown), shown[-1], shown[0])
        if ends:
            return Page(rows(shown), shown[-1] if shown else after + 1, min(ends), min(ends))
        before = None
    ids = _of_all(readers, limit=size + 1, before=before)
    shown = ids[:size]
    newer = (shown[0] if shown else before) if before is not None else None
    if len(ids) > size:
        return Page(rows(shown), shown[-1], newer)
    ends = [end for one in readers if (end := one.window(before=before)[2]) is not None]
    end = max(ends, default=None)
    return Page(rows(shown), end, newer, end)


def _of_all(readers: Sequence[Reader], *, limit: int, **where: int | None) -> list[int]:
    found = {key for one in readers for key in one.ids(limit=limit, **where)}
    return sorted(found, reverse=where.get("after") is None)[:limit]


def rows(ids: list[int]) -> list[Entry]:
    """These entries, in this order."""
    found = Entry.objects.in_bulk(ids) if ids else {}
    return [found[key] for key in ids if key in found]


@contextmanager
def in_order_of_ids() -> Iterator[None]:
    """All indexes are in the order of ids, so a page is read from one of them until it is full.

    The planner, which does not know how values go together, would rather collect all rows of two and sort them. Inside of
    another it says nothing again.
    """
    if connection.vendor != POSTGRESQL or _is_said.get():
        yield
        return
    token = _is_said.set(True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_bitmapscan = on; SET LOCAL enable_seqscan = on")
    finally:
        _is_said.reset(token)


def _expected(found: QuerySet) -> int:
    plan = json.loads(found.order_by().explain(format="json"))
    return max(1, int(plan[0]["Plan"]["Plan Rows"]))


def _rows_of_table() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
            [Entry._meta.db_table],
        )
        found = cursor.fetchone()
    return int(found[0]) if found and found[0] >= 0 else None
