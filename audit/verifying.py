"""Holds the entries and the checkpoints of the database to the checkpoints file. `audit.verifier` judges."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from django.db.models import Sum

from audit import checkpoint_file, signing
from audit.models import Checkpoint
from audit.stored import not_given
from audit.verifier import Book, Chain, Problem, canonicals, cut_off, judge
from audit.walking import snapshot, walk


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was found to be as it was sealed, and what a reader should know besides."""

    entries: int
    checkpoints: int
    notes: list[str]


class OwnChain(Chain):
    """The portal's own: lines of keys that are configured no more hold if one of a configured key follows from them.

    A line names the hash of the one before, and sealing goes on only from a line whose key is configured: so who signs a
    line vouches for all before it.
    """

    is_vouched = False
    notes: tuple[str, ...] = ()

    def _require_signed(self, number: int, key: str, said: dict[str, Any]) -> None:
        if not self.is_vouched and key not in self.keys:
            return
        super()._require_signed(number, key, said)
        if not self.is_vouched and number > 1:
            self.notes = (
                f"Checkpoints 1 to {number - 1} are signed by keys that are configured no more; checkpoint {number} vouches "
                "for them. With --public-key their signatures are checked too.",
            )
        self.is_vouched = True

    def require_vouched(self) -> None:
        if self.number and not self.is_vouched:
            super()._require_signed(self.number, self.key, json.loads(self.line))


def verify(
    *, path: Path, keys: Sequence[bytes] = (), tell: Callable[[int, int, int], None] | None = None
) -> Verified:
    """All of the trail, beside a checkpoints file. Raises `Problem` at the first that is not as it was sealed.

    `keys` are public ones; without them the portal's own. `tell` hears how many entries were passed, how many there are
    to pass, and how many of them were there.
    """
    chain = Chain(keys) if keys else OwnChain(signing.public_keys())
    # The file before the database: what it holds by then, the database has to hold too.
    book = Book(path if path.exists() else os.devnull, chain)
    in_file = len(book)
    with snapshot():
        stored = _compared(book)
        if isinstance(chain, OwnChain):
            chain.require_vouched()
        entries = _judged(book, stored, tell or (lambda passed, total, entries: None))
        unnumbered = not_given()
    if unnumbered is not None:
        words = f"entry {unnumbered} has an id that the database has not given to anybody yet"
        raise Problem("inserted", words, entry=unnumbered)
    if stored < in_file:
        raise cut_off(json.loads(book.line(stored + 1)), "the database")
    notes = list(getattr(chain, "notes", ()))
    last = max(in_file, _last_in(path))
    if last < stored:
        notes.append(_behind(path, last, stored))
    return Verified(entries, stored, notes)


def _compared(book: Book) -> int:
    """Holds each line of the database to the file's, and what stands beside it to the line; returns how many there are."""
    number = 0
    for number, row in enumerate(_checkpoints(), start=1):
        if row.number != number:
            raise _bad(number, "is missing in the database")
        if number > len(book):
            said = book.chain.add(row.line)
        elif row.line == book.line(number):
            said = json.loads(row.line)
        else:
            raise _bad(number, "is another in the database than in the checkpoints file")
        first, last = (said["ids"][0][0], said["ids"][-1][1]) if said["ids"] else (0, 0)
        beside = (row.first_id, row.last_id, row.count)
        at = row.created_at.astimezone(UTC).isoformat(timespec="microseconds")
        if beside != (first, last, said["count"]) or at != said["time"]:
            raise _bad(number, "was changed: the columns beside its line do not fit it")
    return number


def _judged(book: Book, stored: int, tell: Callable[[int, int, int], None]) -> int:
    passed = entries = 0
    total = Checkpoint.objects.aggregate(total=Sum("count"))["total"] or 0
    for step in walk(_lines(book, stored)):
        number = step.said["number"]
        ids = [row[0] for row in step.rows]
        pruned = book.chain.is_pruned(number)
        judge(step.said, ids, canonicals(step.rows), pruned=pruned, is_end=step.is_end)
        passed += step.said["count"]
        entries += len(ids)
        tell(passed, total, entries)
    return entries


def _lines(book: Book, stored: int) -> Iterator[str]:
    """The file's; and behind its end the database's, which are checked by now."""
    yield from (book.line(number) for number in range(1, len(book) + 1))
    if stored > len(book):
        yield from (row.line for row in _checkpoints(after=len(book)))


def _checkpoints(*, after: int | None = None) -> Iterator[Any]:
    """In order, also those whose number cannot be."""
    found = Checkpoint.objects.order_by("number")
    found = found if after is None else found.filter(number__gt=after)
    columns = ("number", "created_at", "first_id", "last_id", "count", "line")
    return found.values_list(*columns, named=True).iterator(chunk_size=20)


def _last_in(path: Path) -> int:
    """The number of the file's last whole line by now."""
    try:
        with path.open("rb") as file:
            newest = checkpoint_file.newest(file.fileno())
    except FileNotFoundError:
        return 0
    return newest[0] if newest else 0


def _behind(path: Path, last: int, stored: int) -> str:
    """Sealing is never more than a line ahead of the portal's own file; an older copy may well be."""
    words = f"the checkpoints file ends with {last}, the database with {stored}"
    is_own = path.resolve() == checkpoint_file.path().resolve()
    if is_own and stored - last > 1:
        raise _bad(
            last + 1, f"is missing in the checkpoints file, and so is all behind it: {words}"
        )
    return f"Only their signatures hold the checkpoints behind {last}: {words}."


def _bad(number: int, words: str) -> Problem:
    return Problem("checkpoint", f"checkpoint {number} {words}", checkpoint=number)
