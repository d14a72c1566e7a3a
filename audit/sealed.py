"""Checkpoints as retention takes them: what each seals, whether its entries still fit, and what was pruned before."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from audit import stored
from audit.models import Checkpoint, Entry, PrunedRange
from audit.verifier import Ranges, leaf, root
from portal.legal_holds import Held

PAGE = 50
COLUMNS = ("number", "created_at", "first_id", "last_id", "count", "line")
TEAMS = ("team_id",)
PEOPLE = ("actor_user_id", "on_behalf_of_id", "subject_id")


@dataclass(frozen=True)
class Sealed:
    """One checkpoint."""

    number: int
    created_at: datetime
    first_id: int
    last_id: int
    count: int
    line: str

    @cached_property
    def said(self) -> dict[str, Any]:
        return json.loads(self.line)

    @property
    def ids(self) -> Ranges:
        return self.said["ids"]

    def rows(self) -> list[tuple[Any, ...]]:
        """Its entries as they are stored, those that are there."""
        return stored.among(self.ids, limit=self.count + 1)


def fits(said: dict[str, Any], canonical: Sequence[bytes]) -> bool:
    """Whether these are exactly the entries that it seals."""
    return (
        len(canonical) == said["count"]
        and root([leaf(one) for one in canonical]).hex() == (said["root"])
    )


def between(first: int, last: int | None) -> Iterator[Sealed]:
    """By number, both included; to the end without a last one."""
    rows = Checkpoint.objects.order_by("number")
    if last is not None:
        rows = rows.filter(number__lte=last)
    while page := list(rows.filter(number__gte=first).values_list(*COLUMNS)[:PAGE]):
        yield from (Sealed(*row) for row in page)
        first = page[-1][0] + 1


@dataclass(frozen=True, slots=True)
class Prune:
    """A signed line that says that these checkpoints may go."""

    number: int
    ranges: Ranges
    archive: dict[str, str] | None


def prunes() -> list[Prune]:
    """All of them, in order: lines that seal nothing are few."""
    lines = Checkpoint.objects.filter(last_id=0).order_by("number").values_list("number", "line")
    found = [(number, json.loads(line)) for number, line in lines]
    return [
        Prune(number, said["pruned"], said.get("archive"))
        for number, said in found
        if said.get("pruned")
    ]


def unfinished() -> list[Prune]:
    """Those of which entries may still be there."""
    done = set(PrunedRange.objects.filter(last_id=0).values_list("checkpoint", flat=True))
    return [one for one in prunes() if one.number not in done]


def not_pruned() -> list[tuple[int, int | None]]:
    """Ranges of numbers that no line prunes; the last is open."""
    found: list[tuple[int, int | None]] = []
    begin = 1
    for first, last in sorted(tuple(one) for prune in prunes() for one in prune.ranges):
        if first > begin:
            found.append((begin, first - 1))
        begin = max(begin, last + 1)
    return [*found, (begin, None)]


def held_of(checkpoints: Iterable[Sealed], holds: Held) -> set[int]:
    """Numbers of those with an entry of a team, or about or by a person, under a legal hold."""
    full = [one for one in checkpoints if one.count]
    if not holds or not full:
        return set()
    first, last = min(one.first_id for one in full), max(one.last_id for one in full)
    entries = Entry.objects.filter(holds.rows(teams=TEAMS, people=PEOPLE))
    ids = entries.filter(pk__gte=first, pk__lte=last).order_by("pk").values_list("pk", flat=True)
    held = set(ids)
    if not held:
        return set()
    return {
        one.number
        for one in full
        if any(key in held for begin, end in one.ids for key in range(begin, end + 1))
    }
