"""The trail as a file that can be verified without the portal: entries as they are stored, and what seals them."""

import base64
import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.utils import timezone

from audit import signing
from audit.models import Checkpoint
from audit.proofs import NotProvable, Proofs
from audit.verifier import EXPORT, FIELDS
from audit.walking import snapshot, walk

Tell = Callable[[int], None]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_trail(file: IO[bytes], *, tell: Tell = lambda entries: None) -> tuple[int, int]:
    """All that is sealed and not pruned; returns how many entries and checkpoints. What is wrong is written as it is."""
    entries = 0
    with snapshot():
        checkpoints = Checkpoint.objects.count()
        file.write(_header(checkpoints, None))
        stored = Checkpoint.objects.order_by("number").values_list("line", flat=True)
        for step in walk(stored.iterator(chunk_size=20)):
            file.write(_line({"checkpoint": step.line}))
            names = (dict(zip(FIELDS, row, strict=True)) for row in step.rows)
            file.writelines(_line({"entry": one}) for one in names)
            entries += len(step.rows)
            tell(entries)
    return entries, checkpoints


def write_selection(
    file: IO[bytes],
    entry_ids: Iterable[int],
    *,
    selection: dict[str, Any],
    tell: Tell = lambda entries: None,
) -> tuple[int, int]:
    """Some entries, each with its proof; returns how many, and how many have none. Raises `Problem` of a bad trail."""
    written = left_out = 0
    file.write(_header(Checkpoint.objects.count(), selection))
    proofs = Proofs()
    for entry_id in entry_ids:
        try:
            file.write(_line(proofs.of(entry_id)))
            written += 1
        except NotProvable:
            left_out += 1
        tell(written)
    return written, left_out


def _header(checkpoints: int, selection: dict[str, Any] | None) -> bytes:
    """For people; who verifies believes only the checkpoints file, and the public key that was told them."""
    said = {
        "format": EXPORT,
        "time": timezone.now().isoformat(timespec="seconds"),
        "checkpoints": checkpoints,
        "public_keys": [base64.b64encode(key).decode() for key in signing.public_keys()],
        "selection": selection,
    }
    return _line(said)


def _line(said: dict[str, Any]) -> bytes:
    return _encode(said).encode() + b"\n"


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there once it is whole, for its owner only; compressed where its name ends with .gz."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
