"""The matrix as tests compare it: all people of a part, and the people whose rows differ between two states."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from projects.access.differences import Difference, beside, compare
from projects.access.facts import Person
from projects.access.loading import CHUNK, Selection, in_chunks
from projects.access.reaches import Row


def everybody(selection: Selection, *, chunk: int = CHUNK) -> Iterator[Person]:
    for found in in_chunks(selection, size=chunk):
        yield from found


def diff(before: Iterable[Row], after: Iterable[Row]) -> Iterator[Difference]:
    """Both sides ascending by person."""
    for user, old, new in beside(_people(before), _people(after)):
        if found := compare(user, old, new):
            yield found


def _people(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    for user, group in groupby(rows, key=lambda row: row.user):
        yield user, list(group)
