"""What an entry's seal is made of: canonical bytes, leaf, tree and checkpoint lines. Standard library and `cryptography`."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = "gatehouse-checkpoint/1"
FIELDS = (
    "id",
    "created_at",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_user_id",
    "actor_label",
    "on_behalf_of_id",
    "on_behalf_of",
    "target_type",
    "target_id",
    "target_label",
    "subject_id",
    "team_id",
    "changes",
    "reason",
    "method",
    "path",
    "status",
    "address",
    "request_id",
)
SIGNED = b"gatehouse checkpoint\n"
NAMING = 8  # bytes of each leaf that a checkpoint keeps, to name the entry that is bad
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


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 over leaf hashes; of none it is empty."""
    level, sha256 = list(leaves), hashlib.sha256
    while len(level) > 1:
        pairs = iter(level)
        joined = [
            sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)
        ]
        if len(level) % 2:
            joined.append(level[-1])
        level = joined
    return level[0] if level else b""


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


def raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()


def key_id(public: bytes) -> str:
    """What names a public key in the lines: 16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def previous_of(line: str) -> str:
    """What the line after this one says of it."""
    return hashlib.sha256(line.encode()).hexdigest()


def signed_line(body: dict[str, Any], key: Ed25519PrivateKey) -> str:
    """The line of a checkpoint, signed."""
    signature = key.sign(SIGNED + _encode_line(body).encode())
    return _encode_line(body | {"signature": base64.b64encode(signature).decode()})
