"""The checkpoints file: every line of the chain outside of the database, only ever appended to."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.models import Checkpoint

logger = logging.getLogger("audit.sealing")
BLOCK = 1 << 20
BATCH = 100


class OutOfStep(Exception):
    """File and database tell different stories, so nothing is sealed until somebody has looked."""


def path() -> Path:
    return Path(settings.AUDIT_CHECKPOINT_FILE)


def require_in_step() -> None:
    """Raises `OutOfStep` where the file holds what the database does not. That the file lags is mended by `publish`."""
    with _locked() as handle:
        _stored_line_of(newest(handle))


def publish() -> int:
    """Appends the lines that the file does not have yet, durably; returns how many. Raises `OutOfStep`, `OSError`."""
    with _locked() as handle:
        found = newest(handle)
        _stored_line_of(found)
        if found is None and Checkpoint.objects.filter(number__gt=1).exists():
            logger.warning("the checkpoints file was missing and is written anew from the database")
        written = 0
        for line in _lines_after(found[0] if found else 0):
            # What a crash left of a line stays; readers know it by its being the beginning of the next one.
            os.write(handle, (_ending(handle) + line + "\n").encode())
            written += 1
        if written:
            os.fsync(handle)
        return written


def _lines_after(number: int) -> Iterator[str]:
    while rows := list(
        Checkpoint.objects.filter(number__gt=number)
        .order_by("number")
        .values_list("number", "line")[:BATCH]
    ):
        yield from (line for _number, line in rows)
        number = rows[-1][0]


def _stored_line_of(newest: tuple[int, str] | None) -> None:
    if newest is None:
        return
    number, line = newest
    stored = Checkpoint.objects.filter(number=number).values_list("line", flat=True).first()
    if stored is None:
        raise OutOfStep(f"The checkpoints file holds checkpoint {number}, the database does not.")
    if stored != line:
        raise OutOfStep(f"Checkpoint {number} is not the same in the file and in the database.")


def newest(handle: int) -> tuple[int, str] | None:
    """Number and text of the file's last whole line."""
    size = os.fstat(handle).st_size
    tail = b""
    while size > 0:
        start = max(0, size - BLOCK)
        tail = os.pread(handle, size - start, start) + tail
        size = start
        pieces = tail.split(b"\n")
        for piece in reversed(pieces if start == 0 else pieces[1:]):
            number = _number_of(piece)
            if number is not None:
                return number, piece.decode()
    return None


def _number_of(piece: bytes) -> int | None:
    try:
        found: Any = json.loads(piece)
    except ValueError:
        return None
    return (
        found["number"]
        if isinstance(found, dict) and isinstance(found.get("number"), int)
        else None
    )


def _ending(handle: int) -> str:
    size = os.fstat(handle).st_size
    return "\n" if size and os.pread(handle, 1, size - 1) != b"\n" else ""


@contextmanager
def _locked() -> Iterator[int]:
    """Open for appending; other processes of this machine wait."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
