"""The format of API keys: `gh_<12 public>_<43 secret><6 of CRC-32>`, base 62.

The checksum lets a mistyped or made-up key be refused without a database query. Only
HMAC-SHA256(pepper, secret) is stored: there is nothing to reverse, and a dump of the table opens nothing.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

from django.conf import settings

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC, SECRET, CHECK = 12, 43, 6  # characters; 62^43 > 2^256, 62^6 > 2^32
NOBODYS = "-" * 64  # in place of a digest; no digest is like it
_FORMAT = re.compile(
    rf"gh_([0-9A-Za-z]{{{PUBLIC}}})_([0-9A-Za-z]{{{SECRET}}})([0-9A-Za-z]{{{CHECK}}})"
)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    public_id: str
    secret: str = field(repr=False)


def generate() -> tuple[str, str, str]:
    """A new key: (public id, secret, plaintext of the whole)."""
    public_id = _random(PUBLIC)
    return public_id, *renewed(public_id)


def parse(plaintext: str) -> ParsedKey | None:
    """The parts of a well-formed key; None for anything else."""
    found = _FORMAT.fullmatch(plaintext)
    if found is None or not hmac.compare_digest(_checksum(plaintext[:-CHECK]), found[3]):
        return None
    return ParsedKey(found[1], found[2])


def digest(secret: str) -> str:
    """Hex HMAC-SHA256 of the secret under the pepper: what is stored and compared."""
    return hmac.new(settings.KEY_PEPPER, secret.encode(), hashlib.sha256).hexdigest()


def renewed(public_id: str) -> tuple[str, str]:
    """Another secret for this key: (secret, plaintext of the whole)."""
    secret = _random(SECRET)
    body = f"gh_{public_id}_{secret}"
    return secret, body + _checksum(body)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    found = ""
    for _ in range(CHECK):
        number, rest = divmod(number, 62)
        found = ALPHABET[rest] + found
    return found
