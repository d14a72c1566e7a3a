"""Files of what is pruned: whole checkpoints with their entries, compressed, durable and read again before anything goes.

A file is an export of some checkpoints (`docs/audit.md`): a header, then each checkpoint's line followed by its entries.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.sealed import Sealed, fits
from audit.verifier import EXPORT, FIELDS, canonicals
from portal.tenancy import EVERYTHING, tenant

PART = ".part"


class Unfit(Exception):
    """An archive is not what it should be."""


def directory() -> Path | None:
    """Where archives go; None where none are wanted."""
    return Path(settings.AUDIT_ARCHIVE_DIR) if settings.AUDIT_ARCHIVE_DIR else None


def write(checkpoints: Iterable[Sealed]) -> Generator[None, None, dict[str, str]]:
    """Writes them, reads the file again and holds every entry to its seal; returns name and SHA-256 for the signed line.

    Raises `Unfit` or `OSError`, and then nothing may be pruned. What a crash left is written over. It yields after each
    checkpoint, so that others have the machine in between.
    """
    chosen, folder = list(checkpoints), directory()
    if folder is None:
        raise Unfit("No archive is set up.")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"audit-{chosen[0].number}-{chosen[-1].number}.jsonl.gz"
    part = folder / f"{name}{PART}"
    with part.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(_header(chosen))
        for one in chosen:
            packed.write(_lines(one))
            yield
        packed.close()
        file.flush()
        os.fsync(file.fileno())
    yield from _require_whole(part, chosen)
    part.rename(folder / name)
    _sync(folder)
    return {"file": name, "sha256": digest(folder / name)}


def require(said: dict[str, str]) -> None:
    """Raises `Unfit` or `OSError` where the archive that a signed line names is not there as it was written."""
    folder = directory()
    if folder is None:
        raise Unfit(
            "PORTAL_AUDIT_ARCHIVE_DIR is empty, and what was pruned is said to be archived."
        )
    if digest(folder / Path(said["file"]).name) != said["sha256"]:
        raise Unfit(f"The archive {said['file']} is not as it was written.")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(chosen: list[Sealed]) -> bytes:
    return _line({"format": EXPORT, "archive": [chosen[0].number, chosen[-1].number]})


def _lines(one: Sealed) -> bytes:
    with tenant(EVERYTHING):
        rows = one.rows()
    entries = [_line({"entry": dict(zip(FIELDS, row, strict=True))}) for row in rows]
    return _line({"checkpoint": one.line}) + b"".join(entries)


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _require_whole(path: Path, checkpoints: list[Sealed]) -> Iterator[None]:
    """From the disk, not from memory: each checkpoint with exactly the entries that it seals."""
    wanted = iter(checkpoints)
    with gzip.open(path, "rb") as file:
        header = json.loads(file.readline())
        if header.get("format") != EXPORT:
            raise Unfit(f"{path.name} does not begin as an archive does.")
        for line, rows in _groups(file):
            one = next(wanted, None)
            if one is None or line != one.line or not fits(one.said, canonicals(rows)):
                raise Unfit(f"{path.name} does not hold what was to be archived.")
            yield
    if next(wanted, None) is not None:
        raise Unfit(f"{path.name} is not whole.")


def _groups(file: Iterable[bytes]) -> Iterator[tuple[str, list[list[Any]]]]:
    line, rows = "", list[list[Any]]()
    for text in file:
        said = json.loads(text)
        if "checkpoint" not in said:
            rows.append([said["entry"][name] for name in FIELDS])
            continue
        if line:
            yield line, rows
        line, rows = said["checkpoint"], []
    if line:
        yield line, rows


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
