"""What is gained, lost and changed between two states of the matrix, person by person, so that nobody holds it all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from projects.access.reaches import Row


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one person. `changed` are pairs: the row before, and after."""

    user: int
    gained: list[Row] = field(default_factory=list)
    lost: list[Row] = field(default_factory=list)
    changed: list[tuple[Row, Row]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.changed)


def compare(user: int, before: Iterable[Row], after: Iterable[Row]) -> Difference:
    """Two states of one person's rows. That their address changed is no change of access."""
    old = {row.project: row for row in before}
    new = {row.project: row for row in after}
    return Difference(
        user=user,
        gained=[row for project, row in new.items() if project not in old],
        lost=[row for project, row in old.items() if project not in new],
        changed=[
            (old[project], row)
            for project, row in new.items()
            if project in old and _access(old[project]) != _access(row)
        ],
    )


def _access(row: Row) -> Row:
    return row._replace(email="")


Kept = TypeVar("Kept")


def beside(
    before: Iterator[tuple[int, list[Kept]]], after: Iterator[tuple[int, list[Kept]]]
) -> Iterator[tuple[int, list[Kept], list[Kept]]]:
    """Two sides of people by ascending id, merged: everybody who is on either, and what they have on both."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        person = min(side[0] for side in (old, new) if side is not None)
        mine = old[1] if old is not None and old[0] == person else []
        theirs = new[1] if new is not None and new[0] == person else []
        yield person, mine, theirs
        if old is not None and old[0] == person:
            old = next(before, None)
        if new is not None and new[0] == person:
            new = next(after, None)
