"""One normalisation of a text for all guards, with the way back: what is found is placed in the original."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Letters of other scripts that look like Latin ones, and typographic dashes and spaces.
_LOOK_ALIKE = dict(
    zip(
        "аеорсухкмтнвіјѕԁԛԝһցոսαορνικτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХІЈЅ",
        "aeopcyxkmthbijsdqwhgnuaopviktuxABEZHIKMNOPTYXABEKMHOPCTXIJS",
        strict=True,
    )
)
_LOOK_ALIKE |= dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\ufe63\uff0d", "-")
_LOOK_ALIKE |= dict.fromkeys("\u2018\u2019\u201b\u02bc\u0060\u00b4", "'")
_LOOK_ALIKE |= dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
_LOOK_ALIKE["\u00ad"] = ""
_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u034f\u061c"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def _plain(character: str) -> str:
    """What one character stands for; empty for what cannot be seen."""
    if character in _INVISIBLE or 0xE0000 <= ord(character) <= 0xE007F:
        return ""
    mapped = _LOOK_ALIKE.get(character)
    if mapped is not None:
        return mapped
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):
        return ""
    if category == "Cs":
        return "\ufffd"  # half of a pair is no character, and RE2 takes UTF-8 only
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))
    folded = unicodedata.normalize("NFKD", character)
    kept = "".join(c for c in folded if unicodedata.category(c) != "Mn")
    return "".join(_LOOK_ALIKE.get(c, c) for c in kept)


class _Table(dict[int, str]):
    """`_plain` for `str.translate`, remembered: a text has few different characters."""

    def __missing__(self, number: int) -> str:
        plain = _plain(chr(number))
        if len(self) < TABLE_SIZE:
            self[number] = plain
        return plain


TABLE_SIZE = 20_000
_TABLE = _Table({number: chr(number) for number in range(128)})
_NUMBER_START = re.compile(r"\d(?<!\w\d)")


def _lowered(text: str) -> str:
    """Lower case of the same length."""
    lower = text.replace("\u03a3", "\u03c3").lower()  # a final sigma depends on its neighbours
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@dataclass(frozen=True)
class View:
    """A text as guards read it. `text` is normalised; `place` leads back to the original, `memo` keeps what
    several guards need."""

    original: str
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def length(self) -> int:
        return len(self.original)

    @cached_property
    def text(self) -> str:
        return self.original if self.original.isascii() else self.original.translate(_TABLE)

    @cached_property
    def _origins(self) -> list[int] | None:
        """Where in the original each character of `text` comes from; None: at the same place."""
        if self.original.isascii():
            return None
        origins: list[int] = []
        for index, character in enumerate(self.original):
            length = 1 if character < "\x80" else len(_TABLE[ord(character)])
            origins.extend([index] * length)
        return origins

    @cached_property
    def number_starts(self) -> list[int]:
        """Indices in `text` of digits that follow no letter, digit or underscore."""
        return [found.start() for found in _NUMBER_START.finditer(self.text)]

    @cached_property
    def lower(self) -> str:
        """`text` in lower case, of the same length."""
        return _lowered(self.text)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of a stretch of `text`, invisible characters inside included."""
        origins = self._origins
        if origins is None:
            return start, end
        if start >= end:
            where = origins[start] if start < len(origins) else self.length
            return where, where
        return origins[start], origins[end - 1] + 1

    def without(self, spans: Iterable[tuple[int, int]]) -> "View":
        """The normalised text with these stretches of it blanked by brackets, as if they were redacted already."""
        pieces, position = [], 0
        for start, end in sorted(spans):
            start = max(start, position)
            pieces += [self.text[position:start], "]" * (end - start)]
            position = max(position, end)
        text = "".join((*pieces, self.text[position:]))
        blanked = View(text)
        blanked.__dict__["text"] = text  # it is normalised
        return blanked

    def index_of(self, offset: int) -> int:
        """The index in `text` of the first character that comes from `offset` in the original or later."""
        origins = self._origins
        return offset if origins is None else bisect_left(origins, offset)


def view_of(text: str) -> View:
    return View(text)
