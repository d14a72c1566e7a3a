"""What is gained, lost and changed between two states of the matrix, person by person: never more than two people's
rows are in memory, however many there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

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


def diff(before: Iterable[Row], after: Iterable[Row]) -> Iterator[Difference]:
    """The people whose rows differ, by id. Both sides must be ascending by person; a row is known by person and project."""
    for user, old, new in _beside(_people(before), _people(after)):
        found = compare(user, old, new)
        if found:
            yield found


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


_Group = tuple[int, list[Row]]


def _people(rows: Iterable[Row]) -> Iterator[_Group]:
    for user, group in groupby(rows, key=lambda row: row.user):
        yield user, list(group)


def _beside(
    before: Iterator[_Group], after: Iterator[_Group]
) -> Iterator[tuple[int, list[Row], list[Row]]]:
    """Two ascending sides, merged."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        user = min(side[0] for side in (old, new) if side is not None)
        mine = old[1] if old is not None and old[0] == user else []
        theirs = new[1] if new is not None and new[0] == user else []
        yield user, mine, theirs
        if old is not None and old[0] == user:
            old = next(before, None)
        if new is not None and new[0] == user:
            new = next(after, None)
