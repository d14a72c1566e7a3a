"""Whether a secret looks made by chance. Of 10,000 that are, none is refused (`tests/portal/test_weak_secrets.py`)."""

import base64
import binascii
import string
import zlib
from collections.abc import Sequence
from itertools import pairwise

MINIMUM_LENGTH = 40  # characters; 256 bits in base64 are 43
MINIMUM_PASSWORD = 8
# What stands in samples, tutorials and habits: six letters at least, which random text does not spell by chance.
WEAK_WORDS = (
    "changeme",
    "changethis",
    "replace",
    "insecure",
    "password",
    "passphrase",
    "default",
    "example",
    "secret",
    "random",
    "production",
    "development",
    "placeholder",
    "letmein",
    "qwerty",
    "loremipsum",
    "12345678",
    "gatehouse",
    "admin123",
)
WEAK_PASSWORDS = frozenset(
    ["admin", "postgres", "redis", "root", "toor", "secret", "portal", "guest", "test", "user", "owner", "pass"]
)  # fmt: skip
LEET = str.maketrans("430157@$", "aeoistas")
UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
WALKS = "1234567890 qwertyuiop asdfghjkl zxcvbnm 1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik 9ol 0p"
NEIGHBOURS = frozenset(map("".join, pairwise(WALKS))) | frozenset(
    map("".join, pairwise(WALKS[::-1]))
)
HEX = frozenset(string.hexdigits)
FEWEST_OF_A_CASE = 4  # 43 random characters of base64 have fewer once in a million times


def weakness(value: str) -> str:
    """What is wrong with it, as the end of a sentence; empty if nothing is."""
    if not value:
        return "is missing"
    if len(value) < MINIMUM_LENGTH:
        return f"is shorter than {MINIMUM_LENGTH} characters"
    if _has_weak_word(value):
        return "still has a sample value"
    if set(value) <= HEX:
        even = value[: len(value) // 2 * 2]
        return "is too uniform to be random" if _is_made_up(bytes.fromhex(even)) else ""
    decoded = _decoded(value)
    if _is_typed(value) or (decoded is not None and _is_made_up(decoded)):
        return "is too uniform to be random"
    return ""


def is_default(password: str) -> bool:
    """For passwords of databases and people: a well-known one, with digits behind it too, or a very short one."""
    plain = plain_of(password)
    stem = plain.rstrip(string.digits)
    return (
        len(password) < MINIMUM_PASSWORD
        or not stem
        or {stem, stem.translate(LEET)} & WEAK_PASSWORDS != set()
        or any(plain.startswith(word) for word in WEAK_WORDS)
        or any(plain_of(password.translate(LEET)).startswith(word) for word in WEAK_WORDS)
    )


def plain_of(value: str) -> str:
    return "".join(character for character in value.lower() if character.isalnum())


def same(one: str, other: str) -> bool:
    """Whether two secrets are one, in either alphabet of base64."""
    return _canonical(one) == _canonical(other)


def _canonical(value: str) -> str:
    return value.translate(str.maketrans("-_", "+/")).rstrip("=")


def _decoded(value: str) -> bytes | None:
    """The bytes behind base64 of either alphabet; None for what is none."""
    text = _canonical(value)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _has_weak_word(value: str) -> bool:
    plain, read = plain_of(value), plain_of(value.translate(LEET))
    return any(word in plain or (len(word) > 6 and word in read) for word in WEAK_WORDS)


def _is_typed(value: str) -> bool:
    """By hand or copied: repeated, in order, along the keyboard, or almost without capitals, as prose is."""
    lower = sum(character.islower() for character in value)
    upper = sum(character.isupper() for character in value)
    return (
        len(set(value)) < 12
        or min(lower, upper) < FEWEST_OF_A_CASE
        or len(zlib.compress(value.encode(), 9)) < len(value) * 0.9  # random text does not shrink
        or _is_in_order([ord(character) for character in value])
        or _walks(value)
    )


def _walks(value: str) -> bool:
    keys = value.lower().translate(UNSHIFTED)
    steps = sum(first + second in NEIGHBOURS for first, second in pairwise(keys))
    return steps > len(keys) * 0.4


def _is_in_order(numbers: Sequence[int]) -> bool:
    steps = [second - first for first, second in pairwise(numbers)]
    return max(steps.count(1), steps.count(-1)) > len(steps) / 3


def _is_made_up(data: bytes) -> bool:
    """Text, or bytes with little in them: no 32 random bytes are."""
    printable = sum(0x20 <= byte < 0x7F for byte in data)
    return len(set(data)) < len(data) * 0.6 or printable > len(data) * 0.87 or _is_in_order(data)
