"""What ties a team to the rooms above this one: what its projects spent, and what its limits and grants are about.

The room that knows projects registers its `Ties`; without one, teams are tied to nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Month:
    """USD of the running month; what is reserved is left out. `remaining` is None where there is no budget."""

    spent: Decimal
    budget: Decimal | None = None

    @property
    def remaining(self) -> Decimal | None:
        return None if self.budget is None else max(self.budget - self.spent, Decimal(0))


class Ties(Protocol):
    def joined(self, teams: QuerySet, user: Any) -> QuerySet:
        """The teams with what `month` needs, as far as `user` may see it; no query more."""

    def month(self, team: Any) -> Month | None:
        """Of a joined team: what its projects spent; None for who may not see it."""

    def mistakes(self, team: Any) -> dict[str, Any]:
        """Why these limits cannot hold, in words by field."""

    def stopped(self, pairs: Iterable[tuple[int, int]]) -> list[str]:
        """Names of the projects that these grants (team, model) let answer."""


class _Untied:
    def joined(self, teams: QuerySet, user: Any) -> QuerySet:
        return teams

    def month(self, team: Any) -> Month | None:
        return None

    def mistakes(self, team: Any) -> dict[str, Any]:
        return {}

    def stopped(self, pairs: Iterable[tuple[int, int]]) -> list[str]:
        return []


_ties: list[Ties] = [_Untied()]


def register_ties(ties: Ties) -> None:
    _ties[:] = [ties]


def ties() -> Ties:
    return _ties[0]
