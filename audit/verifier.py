#!/usr/bin/env python3
"""Verifies an audit trail of Gatehouse: that no entry was changed, added, moved or taken away since it was sealed.

One file, which needs Python 3.11 and the package `cryptography`, nothing of the portal and no secret. In the portal it is
also what entries are sealed with. `python verifier.py --help` says how to use it; docs/audit.md says what it proves.
"""

import argparse
import base64
import copy
import gzip
import hashlib
import json
import os
import sys
import time
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT, EXPORT = "gatehouse-checkpoint/1", "gatehouse-export/1"
FIELDS = (
    "id", "created_at", "action", "outcome", "actor_kind", "actor_id", "actor_user_id", "actor_label",
    "on_behalf_of_id", "on_behalf_of", "target_type", "target_id", "target_label", "subject_id", "team_id",
    "changes", "reason", "method", "path", "status", "address", "request_id",
)  # fmt: skip
SIGNED = b"gatehouse checkpoint\n"
NAMING = 8  # bytes of each leaf that a checkpoint keeps, to name the entry that is bad
MOST = 8192  # entries of one checkpoint
Ranges = list[list[int]]

_encode_rows = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":")).encode
_encode_line = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
).encode


def canonicals(rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """The canonical bytes of entries, each given as its values in the order of FIELDS: one JSON value a line.

    A newline never stands in a JSON value, so all rows are written at once.
    """
    text = _encode_rows(rows)
    return text[2:-2].encode().split(b"]\n[") if rows else []


def leaf(canonical: bytes) -> bytes:
    return hashlib.sha256(b"\0" + canonical).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The Merkle tree of RFC 6962 over leaf hashes, from the leaves to the root. A node without a sister moves up."""
    found, sha256 = [list(leaves)], hashlib.sha256
    while len(level := found[-1]) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        joined = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        found.append(joined + level[-1:] if len(level) % 2 else joined)
    return found


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree's root; of no leaves it is empty."""
    return levels(leaves)[-1][0] if leaves else b""


def is_proven(leaf: bytes, *, index: int, count: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from the leaf at `index` of `count` to the root: RFC 9162, 2.1.3.2."""
    at, last, found = index, count - 1, leaf
    for sister in path:
        if not last:
            return False
        if at % 2 or at == last:
            found = hashlib.sha256(b"\1" + sister + found).digest()
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            found = hashlib.sha256(b"\1" + found + sister).digest()
        at, last = at // 2, last // 2
    return not last and 0 <= index < count and found == root


def ranges_of(ids: Iterable[int]) -> Ranges:
    """Ascending ids as inclusive ranges."""
    found: Ranges = []
    for one in ids:
        if found and one == found[-1][1] + 1:
            found[-1][1] = one
        else:
            found.append([one, one])
    return found


def ids_of(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def key_id(public: bytes) -> str:
    """What names a public key in the lines: 16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def previous_of(line: str) -> str:
    """What the line after this one says of it."""
    return hashlib.sha256(line.encode()).hexdigest() if line else ""


def signed_line(body: dict[str, Any], key: Ed25519PrivateKey) -> str:
    """The line of a checkpoint, signed."""
    signature = key.sign(SIGNED + _encode_line(body).encode())
    return _encode_line(body | {"signature": base64.b64encode(signature).decode()})


def is_signed(said: dict[str, Any], key: bytes) -> bool:
    """Whether what a line says carries this public key's signature."""
    body = {name: value for name, value in said.items() if name != "signature"}
    try:
        signature, signed = (
            base64.b64decode(said["signature"]),
            SIGNED + _encode_line(body).encode(),
        )
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError, TypeError, LookupError):
        return False
    return True


class Problem(Exception):
    """The first thing that is not as it was sealed: what was done, and the entry or the checkpoint it was done to."""

    def __init__(
        self, kind: str, words: str, *, entry: int | None = None, checkpoint: int | None = None
    ) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind, self.entry, self.checkpoint = kind, entry, checkpoint


def _bad_checkpoint(number: int, words: str, *, entry: int | None = None) -> Problem:
    return Problem("checkpoint", f"checkpoint {number} {words}", entry=entry, checkpoint=number)


class Chain:
    """Takes the lines of checkpoints one after the other; `keys` are the public ones that are trusted."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self.keys = {key_id(key): key for key in keys}
        self.number, self.line, self.key, self.time = 0, "", "", ""
        self.retired: set[str] = set()
        self.pruned: Ranges = []
        self.archives: set[str] = set()

    def add(self, line: str) -> dict[str, Any]:
        """What the line says. Raises `Problem` if it is not the next one, or none that a trusted key has signed."""
        number = self.number + 1
        try:
            said = json.loads(line)
            key = str(said["key"])
            is_whole = said["format"] == FORMAT and _encode_line(said) == line
        except (ValueError, TypeError, LookupError, AttributeError):
            is_whole = False
        if not is_whole:
            raise _bad_checkpoint(number, "was changed: its line is not one that was signed")
        self._require_signed(number, key, said)
        if said["number"] != number:
            raise _bad_checkpoint(number, f"is missing: {said['number']} stands in its place")
        if said["previous"] != previous_of(self.line):
            raise _bad_checkpoint(number, "does not follow from the one before")
        self.number, self.line, self.key, self.time = number, line, key, said["time"]
        if "next_key" in said:
            following = base64.b64decode(said["next_key"])
            self.keys[key_id(following)] = following
        self.pruned += said.get("pruned", [])
        self.archives.add(said.get("archive", {}).get("sha256", ""))
        return said

    def _require_signed(self, number: int, key: str, said: dict[str, Any]) -> None:
        if key not in self.keys or key in self.retired:
            raise _bad_checkpoint(number, f"is signed by the key {key}, for which nothing vouches")
        if not is_signed(said, self.keys[key]):
            raise _bad_checkpoint(number, "was changed: its signature does not fit")
        if self.key not in ("", key):
            self.retired.add(self.key)  # who handed over signs no more

    def is_pruned(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.pruned)


class Book:
    """A checkpoints file: read and checked as it is opened, then any line by its number, from disk."""

    def __init__(
        self,
        path: str | os.PathLike,
        chain: Chain,
        *,
        until: int | None = None,
        tell: Callable[[int], None] = lambda place: None,
    ) -> None:
        self.chain, self.until, self.entries, self._tell = chain, until, 0, tell
        self._file, self._places, self._end = open(path, "rb"), array("Q"), 0  # noqa: SIM115
        self.read()

    def read(self) -> None:
        """Goes on where it stopped. The beginning of a line, which a crash left there, is none."""
        held, place = b"", self._end
        self._file.seek(place)
        for line in self._file:
            if held and not line.startswith(held.rstrip(b"\r\n")):
                self._take(held, place)
                held = b""
            if line.strip():
                held, place = line, self._end
            self._end += len(line)
        if held.endswith((b"\n", b"}")):
            self._take(held, place)
        elif held:
            self._end = place

    def _take(self, line: bytes, place: int) -> None:
        if self.until is None or len(self) < self.until:
            self.entries += self.chain.add(line.strip().decode(errors="replace"))["count"]
            self._places.append(place)
            self._tell(place)

    def __len__(self) -> int:
        return len(self._places)

    def line(self, number: int) -> str:
        self._file.seek(self._places[number - 1])
        return self._file.readline().strip().decode()


def judge(
    said: dict[str, Any],
    ids: Sequence[int | None],
    found: Sequence[bytes],
    *,
    pruned: bool = False,
    is_end: Callable[[], bool] = lambda: False,
) -> None:
    """Holds the entries that are there, by id and canonical bytes, to what a checkpoint says. Raises `Problem`.

    Of a pruned checkpoint some may be gone. What cannot be read as an entry has the id None. `is_end` says whether none follows.
    """
    sha256, wanted = hashlib.sha256, list(ids_of(said["ids"]))
    leaves = [sha256(b"\0" + one).digest() for one in found]  # as `leaf`, without a call for each
    if ids == wanted and root(leaves).hex() == said["root"]:
        return
    named = base64.b64decode(said["leaves"])
    names = {one: named[at * NAMING :][:NAMING] for at, one in enumerate(wanted)}
    present, at = set(ids), 0
    for one, hashed in zip(ids, leaves, strict=True):
        if pruned and one is not None:
            at = bisect_left(wanted, one, at)
        due = wanted[at] if at < len(wanted) else None
        if one is not None and one != due:
            if due is None or one < due or (one not in names and due in present):
                raise _bad("inserted", f"entry {one} is none that was sealed here", one, said)
            if due not in present:
                break
            raise _bad("reordered", f"entry {one} stands where entry {due} belongs", due, said)
        if due is None:
            raise _bad("inserted", "a line that is no entry stands at the end", None, said)
        if one is None or hashed[:NAMING] != names[due]:
            others = [
                other
                for one, other, hashed in zip(ids, found, leaves, strict=True)
                if one is None or names.get(one) != hashed[:NAMING]
            ]
            if any(_as(due, other)[:NAMING] == names[due] for other in others):
                raise _bad(
                    "reordered", f"entry {due} holds what another was sealed with", due, said
                )
            raise _bad("edited", f"entry {due} is not as it was sealed", due, said)
        at += 1
    if not pruned and at < len(wanted):
        raise _missing(said, list(takewhile(lambda one: one not in present, wanted[at:])), is_end)
    if not pruned:
        raise _bad_checkpoint(said["number"], "does not fit: its entries do not add up to its root")


def _as(due: int, other: bytes) -> bytes:
    """The leaf of an entry, were it another's."""
    return leaf(b"%d\n%b" % (due, other.partition(b"\n")[2]))


def _bad(kind: str, words: str, entry: int | None, said: dict[str, Any]) -> Problem:
    number = said["number"]
    return Problem(kind, f"{words} (checkpoint {number})", entry=entry, checkpoint=number)


def _missing(said: dict[str, Any], gone: list[int], is_end: Callable[[], bool]) -> Problem:
    if gone[-1] == said["ids"][-1][1] and is_end():
        return _bad("cut off", f"nothing is there from entry {gone[0]} on", gone[0], said)
    if len(gone) > 1:
        return _bad("gap", f"entries {gone[0]} to {gone[-1]} are missing", gone[0], said)
    return _bad("deleted", f"entry {gone[0]} is missing", gone[0], said)


def cut_off(said: dict[str, Any], where: str) -> Problem:
    """A checkpoint that the file knows of and `where` does not."""
    first, number = _first(said), said["number"]
    begins = "" if first is None else f"from entry {first} on, "
    words = f"{begins}checkpoint {number} and what follows it are not in {where}"
    return Problem("cut off", words, entry=first, checkpoint=number)


def _first(said: dict[str, Any]) -> int | None:
    return said["ids"][0][0] if said["ids"] else None


# The line of an entry in an export is its canonical bytes with names between.
_OPENING, _CLOSING = b'{"entry":{"', b"}}"
_NAMES = [f'{name}":'.encode() for name in FIELDS]
_MORE = len(_OPENING) + len(b"".join(_NAMES)) + len(FIELDS) - 1 + len(_CLOSING)  # bytes


def read_entry(line: bytes) -> tuple[int | None, bytes]:
    """Id and canonical bytes of an export's line; the id is None where the line is not exactly an entry's."""
    pieces = line[len(_OPENING) : -len(_CLOSING)].split(b',"')
    try:
        if len(pieces) == len(_NAMES):
            canonical = b"\n".join(map(bytes.removeprefix, pieces, _NAMES))
        else:  # a text ends with a comma
            entry = json.loads(line)["entry"]
            canonical = canonicals([[entry[name] for name in FIELDS]])[0]
        if len(line) == len(canonical) + _MORE:
            return int(canonical.partition(b"\n")[0]), canonical
    except (ValueError, TypeError, LookupError):
        pass
    return None, line


def pruned_behind(file: Iterable[bytes], book: Book) -> Ranges:
    """What an export's checkpoints say was pruned that the checkpoints file does not have yet; signed and chained."""
    chain = copy.deepcopy(book.chain)
    lines = (line for line in file if line.startswith(b'{"checkpoint":'))
    try:
        for line in islice(lines, len(book), None):
            chain.add(_checkpoint_in(line))
    except Problem:
        pass  # named at its place
    return chain.pruned[len(book.chain.pruned) :]


def verify_export(file: Iterable[bytes], book: Book, *, tell: Callable[[int], None]) -> int:
    """A whole trail as `export_audit` writes it; returns how many entries. Raises `Problem` at the first that is bad.

    Checkpoints behind the file's last are held by their signatures alone.
    """
    number = entries = 0
    groups = _groups(file)
    for line, lines in groups:
        number += 1
        if book.until is not None and number > book.until:
            return entries
        if number > len(book):
            book.chain.add(line)
        pruned = book.chain.is_pruned(number)
        _judge_group(line, lines, number, book, pruned, lambda: not any(map(itemgetter(1), groups)))
        entries += len(lines)
        tell(entries)
    if number < len(book):
        words = (
            f"the export; if it was made before the file was copied, verify with --until {number}"
        )
        raise cut_off(json.loads(book.line(number + 1)), words)
    return entries


def verify_archive(file: Iterable[bytes], book: Book, *, tell: Callable[[int], None]) -> int:
    """Some whole checkpoints, as retention takes them out of the portal; returns how many entries. Raises `Problem`.

    That it is all of the archive says its own hash, which is in a signed line: `Chain.archives`.
    """
    entries = 0
    for line, lines in _groups(file):
        try:
            number = int(json.loads(line)["number"])
        except (ValueError, TypeError, LookupError):
            number = 0
        if not 0 < number <= len(book):
            raise _bad_checkpoint(number, "is in the archive and not in the checkpoints file")
        _judge_group(line, lines, number, book, False, lambda: False)
        entries += len(lines)
        tell(entries)
    return entries


def _judge_group(
    line: str,
    lines: list[bytes],
    number: int,
    book: Book,
    pruned: bool,
    is_end: Callable[[], bool],
) -> None:
    kept = book.line(number) if number <= len(book) else line
    said = json.loads(kept)
    if line != kept:
        words = "is another in the export than in the checkpoints file"
        raise _bad_checkpoint(number, words, entry=_first(said))
    ids, found = zip(*map(read_entry, lines), strict=True) if lines else ((), ())
    judge(said, list(ids), found, pruned=pruned, is_end=is_end)


def _groups(file: Iterable[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Each checkpoint's line with the lines of its entries."""
    checkpoint: str | None = None
    lines: list[bytes] = []
    for line in file:
        if line.startswith(b'{"checkpoint":'):
            if checkpoint is not None:
                yield checkpoint, lines
            checkpoint, lines = _checkpoint_in(line), []
        elif checkpoint is None:
            raise Problem("inserted", "an entry stands before the first checkpoint of the export")
        elif len(lines) <= MOST:  # one more than a checkpoint can have is enough to see that
            lines.append(line.rstrip(b"\r\n"))
    if checkpoint is not None:
        yield checkpoint, lines


def _checkpoint_in(line: bytes) -> str:
    try:
        return str(json.loads(line)["checkpoint"])
    except (ValueError, LookupError):
        return ""


def verify_selection(file: Iterable[bytes], book: Book, *, tell: Callable[[int], None]) -> int:
    """Entries that each carry the proof of being in a checkpoint; returns how many. Raises `Problem`."""
    checkpoint = lru_cache(64)(lambda number: json.loads(book.line(number)))
    entries = 0
    for entries, line in enumerate(file, start=1):
        try:
            found = json.loads(line, object_pairs_hook=_unique)
            entry, proof = [found["entry"][name] for name in FIELDS], found["proof"]
            number, index = int(proof["checkpoint"]), int(proof["index"])
            path = [bytes.fromhex(one) for one in proof["path"]]
            (canonical,) = canonicals([entry])
        except (ValueError, TypeError, LookupError):
            raise Problem("edited", f"line {entries} is no entry with a proof") from None
        if not 0 < number <= len(book):
            raise _bad_checkpoint(number, "is not in the checkpoints file", entry=entry[0])
        said, hashed = checkpoint(number), leaf(canonical)
        due = bytes.fromhex(said["root"])
        if not is_proven(hashed, index=index, count=said["count"], path=path, root=due):
            name = base64.b64decode(said["leaves"])[index * NAMING :][:NAMING]
            what = (
                "its proof was changed" if hashed[:NAMING] == name else "it is not as it was sealed"
            )
            raise _bad("edited", f"entry {entry[0]}: {what}", entry[0], said)
        tell(entries)
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return found


class Progress:
    """One line on stderr, written anew ten times a second; nothing where that is no terminal."""

    def __init__(self, *, shown: bool = True) -> None:
        self.shown = shown and sys.stderr.isatty()
        self.begun = self.due = time.monotonic()

    def __call__(self, done: int, total: int, entries: int) -> None:
        if not self.shown or (now := time.monotonic()) < self.due:
            return
        self.due = now + 0.1
        share, spent = min(done / max(total, 1), 1), max(now - self.begun, 0.001)
        minutes, seconds = divmod(round(spent * (1 - share) / share) if share else 0, 60)
        sys.stderr.write(
            f"\r[{'#' * round(30 * share):.<30}] {share:4.0%}  {entries:,} entries  "
            f"{entries / spent:,.0f} a second  {minutes}:{seconds:02} left\x1b[K"
        )
        sys.stderr.flush()

    def close(self) -> None:
        if self.shown:
            sys.stderr.write("\r\x1b[K")


def public_key(text: str) -> bytes:
    """The 32 bytes of a public key: from base64, or from a file with that or with PEM. Raises `ValueError`."""
    if os.path.isfile(text):
        with open(text, encoding="ascii") as file:
            text = file.read()
    if "PUBLIC KEY" in text:
        key = load_pem_public_key(text.encode())
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
    found = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    if len(found) != 32:
        raise ValueError("a public key is base64 of 32 bytes")
    return found


HELP = """
An entry of the trail is one line of the export. Entries are sealed in groups: a checkpoint holds one hash over all entries
of its group and the hash of the checkpoint before, and is signed. The checkpoints file is kept apart from the portal, so
whoever changes the portal's database cannot change it along, and nobody signs a changed one without the secret key.

What you need: the export, a copy of the checkpoints file that you trust (from where the portal's operator cannot change
it, if there is such a place), and the public key, told to you on a way that you trust.

  python verifier.py --export trail.jsonl.gz --checkpoints checkpoints.jsonl --public-key KEY
  python verifier.py --entry entry.json --checkpoints checkpoints.jsonl --public-key KEY

The answer is one sentence. Exit code 0: every entry is as it was sealed, and none is missing. 1: something is not, and the
first such entry or checkpoint is named, with what was done: edited, inserted, reordered, deleted, gap (several deleted),
cut off (all from there on), or checkpoint (the line itself). 2: it could not be verified at all.

Entries written in the last minute before the export was made may not have been sealed yet, and are not in it. If the
checkpoints file is older or newer than the export, --until N compares up to checkpoint N, the last that both have.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Verifies an audit trail of Gatehouse without the portal and without any secret.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--export", metavar="FILE", help="what export_audit wrote; also compressed")
    what.add_argument("--entry", metavar="FILE", help="one entry with its proof")
    parser.add_argument("--checkpoints", metavar="FILE", required=True)
    parser.add_argument(
        "--public-key",
        metavar="KEY",
        action="append",
        required=True,
        help="base64, or a file with it; several times for several keys. A key that handed over to the next vouches for it",
    )
    parser.add_argument("--until", metavar="N", type=int, help="only up to checkpoint N")
    parser.add_argument(
        "--quiet", action="store_true", help="no progress, and nothing where all is well"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        said = _verified(options)
    except Problem as problem:
        sys.stderr.write(f"NOT INTACT. {problem}\n")
        return 1
    except (OSError, EOFError, zlib.error, ValueError) as error:
        sys.stderr.write(f"Could not verify: {error}\n")
        return 2
    if not options.quiet:
        sys.stdout.write(f"{said}\n")
    return 0


def _verified(options: argparse.Namespace) -> str:
    """What holds, in a sentence."""
    path, shown = options.entry or options.export, not options.quiet
    size, reading = os.path.getsize(options.checkpoints), Progress(shown=shown)
    book = Book(
        options.checkpoints,
        Chain(map(public_key, options.public_key)),
        until=options.until,
        tell=lambda place: reading(place, size, 0),
    )
    reading.close()
    with open(path, "rb") as file:
        size, progress = os.path.getsize(path), Progress(shown=shown)
        is_packed = file.peek(2)[:2] == b"\x1f\x8b"
        lines: Any = gzip.GzipFile(fileobj=file) if is_packed else file
        if options.entry:
            text = lines.read()
            one = text.partition(b"\n")[2] if text.startswith(b'{"format":') else text
            verify_selection([one], book, tell=lambda entries: None)
            return "The entry is as it was sealed."
        header = json.loads(lines.readline())
        if not isinstance(header, dict) or header.get("format") != EXPORT:
            raise ValueError(f"{path} does not begin like an export")
        verify = verify_export
        if "archive" in header:
            verify = verify_archive
            _require_archive(path, book)
        elif header.get("selection"):
            verify = verify_selection
        elif header.get("checkpoints") != len(book):
            book.chain.pruned += pruned_behind(lines, book)
            lines.seek(0)
            lines.readline()
        entries = verify(lines, book, tell=lambda entries: progress(file.tell(), size, entries))
        progress.close()
    if header.get("selection"):
        return f"{entries:,} entries are as they were sealed. (A selection: it need not be all there are.)"
    if "archive" in header:
        return f"The archive is intact: {entries:,} entries."
    until = f"{book.chain.number:,} checkpoints, the last of {book.chain.time}"
    behind = book.chain.number - len(book)
    note = f" The checkpoints file lacks the last {behind:,}: only their signatures hold them."
    return f"The trail is intact: {entries:,} entries in {until}.{note if behind else ''}"


def _require_archive(path: str, book: Book) -> None:
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() not in book.chain.archives:
            raise Problem("edited", "the archive is none that a checkpoint names")


if __name__ == "__main__":
    sys.exit(main())
