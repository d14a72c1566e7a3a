"""What the rooms above hold of a team: each says what of it goes when the team is deleted, what stays, and removes it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from teams.models import Team

Sentences = Callable[[Team], list[str]]


def _nothing(team: Team) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Holding:
    """`place` orders the rooms: the highest removes first, since what is below is pointed at by what is above."""

    place: int
    remove: Callable[[Any, Team], None]
    goes: Sentences = _nothing
    stays: Sentences = _nothing


_holdings: list[Holding] = []


def register_holding(holding: Holding) -> None:
    """`remove(by, team)` runs within the deed, `goes(team)` and `stays(team)` are sentences with counts."""
    _holdings.append(holding)


def holdings() -> Iterator[Holding]:
    yield from sorted(_holdings, key=lambda holding: -holding.place)
