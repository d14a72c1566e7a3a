"""Kinds of retention that are rows of tables: found by an index on their team and their time, removed by primary key."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from portal.legal_holds import Held, cleared, settled
from portal.retention import Due, Tally
from portal.tenancy import EVERYTHING, tenant

BATCH = 500


@dataclass(frozen=True, slots=True)
class Pile:
    """Rows that are due of one team, in the order of an indexed column.

    `people` are the columns that name whose they are: of people who are held they stay. `remove` takes a query of some
    of them, in the transaction that counts them, and returns how many went.
    """

    team: int | None
    rows: QuerySet
    order: str
    remove: Callable[[QuerySet], int]
    people: tuple[str, ...] = ()

    def of_held(self, holds: Held) -> Q:
        return holds.rows(people=self.people)

    def free(self, holds: Held) -> QuerySet:
        """Those of nobody who is held. A column that is empty names nobody."""
        if self.team in holds.teams:
            return self.rows.none()
        found = self.rows
        if holds.people:
            for column in self.people:
                found = found.filter(
                    Q(**{f"{column}__isnull": True}) | ~Q(**{f"{column}__in": holds.people})
                )
        return found


@dataclass(slots=True)
class RowsKind:
    """A `Kind` that goes pile by pile. `piles(now)` gives them, `kept` its period in words."""

    name: str
    place: int
    title: Any
    about: Any
    piles: Callable[[datetime], Iterable[Pile]]
    kept: Callable[[], Any]

    def due(self, now: datetime, holds: Held) -> Due:
        found = Due()
        for pile in self.piles(now):
            count = pile.rows.order_by().count()
            if count and holds:
                free = pile.free(holds).order_by().count()
                found.held[pile.team] += count - free
                count = free
            if count:
                found.by_team[pile.team] += count
        return found

    def batches(self, now: datetime, tally: Tally) -> Iterator[None]:
        with tenant(EVERYTHING):
            piles = list(self.piles(now))
        for pile in piles:
            after: tuple[Any, int] | None = None
            while page := _page(pile, after):
                _remove(pile, [key for _moment, key in page], tally)
                after = page[-1]
                yield


def _page(pile: Pile, after: tuple[Any, int] | None) -> list[tuple[Any, int]]:
    """The next rows, read without any lock; never those before `after` again, that are kept."""
    with tenant(EVERYTHING):
        rows = pile.rows.order_by(pile.order, "pk")
        if after is not None:
            moment, key = after
            rows = rows.filter(
                Q(**{f"{pile.order}__gt": moment}) | Q(**{pile.order: moment, "pk__gt": key}),
                **{f"{pile.order}__gte": moment},
            )
        return list(rows.values_list(pile.order, "pk")[:BATCH])


def _remove(pile: Pile, keys: list[int], tally: Tally) -> None:
    """Of these what is due still, and not held."""
    with tenant(EVERYTHING, atomic=True), cleared():
        rows = pile.free(settled()).filter(pk__in=keys)
        tally({pile.team: pile.remove(rows.order_by())})
