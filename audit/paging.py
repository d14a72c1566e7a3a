"""Pages of the trail by id: the same cost at any depth, and what arrives meanwhile moves nothing.

First the ids of a page are found, by one index that also holds what else is asked for, then their rows. Who reads
several teams gets the newest of each, merged: an index for each team, instead of the whole trail filtered by them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from audit.models import Entry
from audit.querysets import readable_teams
from audit.searching import Search
from portal.tenancy import POSTGRESQL

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `older` and `newer` are the ids before and after which the next pages begin; None at an end."""

    entries: list[Entry]
    older: int | None
    newer: int | None


class Reader:
    """One person's way through the part of the trail that they may read and look for."""

    def __init__(self, user: Any, search: Search | None = None) -> None:
        self.search = search or Search()
        self.teams = readable_teams(user)
        if self.teams is not None and self.search.team_id is not None:
            self.teams = [team for team in self.teams if team == self.search.team_id]
        self._low, self._high = self.search.bounds()

    def page(
        self, *, before: int | None = None, after: int | None = None, size: int = PAGE
    ) -> Page:
        return page_of(self.ids, before=before, after=after, size=size)

    def ids(self, *, before: int | None = None, after: int | None = None, limit: int) -> list[int]:
        """Before an id newest first, after one oldest first."""
        low, high = self._low, self._high
        if before is not None:
            high = min(high, before - 1)
        if after is not None:
            low = max(low, after + 1)
        order = "pk" if after is not None else "-pk"
        if low > high or self.teams == []:
            return []
        if self.teams is not None and len(self.teams) > 1 and connection.vendor == POSTGRESQL:
            return self._merged(low, high, order, limit)
        return list(self._within(low, high).order_by(order).values_list("pk", flat=True)[:limit])

    def batch(self, *, after: int, before: int, limit: int) -> list[Entry]:
        """Oldest first, between two ids."""
        found = self.ids(after=after, limit=limit)
        return rows([key for key in found if key < before])

    def about_how_many(self) -> int | None:
        """The planner's guess from its statistics, for who reads everything; None where there is none. Nothing is counted."""
        if connection.vendor != POSTGRESQL or self.teams is not None:
            return None
        if not self.search:
            return _rows_of_table()
        plan = json.loads(self._within(self._low, self._high).order_by().explain(format="json"))
        return int(plan[0]["Plan"]["Plan Rows"])

    def _within(self, low: int, high: int) -> QuerySet:
        rows = self.search.apply(Entry.objects.all())
        if self.teams is not None and self.search.team_id is None:
            rows = rows.filter(team_id__in=self.teams)
        if low > 0:
            rows = rows.filter(pk__gte=low)
        return rows.filter(pk__lte=high) if high < 2**63 - 1 else rows

    def _merged(self, low: int, high: int, order: str, limit: int) -> list[int]:
        """`limit` of each team by an index of its own, then of all of them."""
        rows = self.search.apply(Entry.objects.filter(team_id=RawSQL("mine.team", ())))
        rows = rows.filter(pk__gte=low, pk__lte=high).order_by(order).values("pk")[:limit]
        sql, params = rows.query.sql_with_params()
        way = "DESC" if order == "-pk" else "ASC"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT found.id FROM unnest(%s::bigint[]) AS mine(team) "  # noqa: S608 - Django's own SQL
                f"CROSS JOIN LATERAL ({sql}) AS found ORDER BY found.id {way} LIMIT {limit:d}",
                [self.teams, *params],
            )
            return [key for (key,) in cursor.fetchall()]


class Together:
    """What several readers find, as one."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def ids(self, *, before: int | None = None, after: int | None = None, limit: int) -> list[int]:
        found = {
            key for one in self._readers for key in one.ids(before=before, after=after, limit=limit)
        }
        return sorted(found, reverse=after is None)[:limit]


def page_of(
    ids_of: Callable[..., list[int]], *, before: int | None, after: int | None, size: int = PAGE
) -> Page:
    """The newest, or those on one side of an id. Past the newest it is the first page again."""
    if after is not None:
        ids = ids_of(after=after, limit=size + 1)
        if len(ids) > size:
            shown = ids[:size][::-1]
            return Page(rows(shown), shown[-1], shown[0])
        before = None
    ids = ids_of(before=before, limit=size + 1)
    shown = ids[:size]
    older = shown[-1] if len(ids) > size else None
    return Page(rows(shown), older, shown[0] if before is not None and shown else None)


def rows(ids: list[int]) -> list[Entry]:
    """These entries, in this order."""
    found = Entry.objects.in_bulk(ids) if ids else {}
    return [found[key] for key in ids if key in found]


def _rows_of_table() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
            [Entry._meta.db_table],
        )
        found = cursor.fetchone()
    return int(found[0]) if found and found[0] >= 0 else None
