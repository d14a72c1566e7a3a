"""One normalisation of a text for all guards, with the way back: what is found is placed in the original."""

import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache

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


@lru_cache(maxsize=8192)
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
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))
    folded = unicodedata.normalize("NFKD", character)
    kept = "".join(c for c in folded if unicodedata.category(c) != "Mn")
    return "".join(_LOOK_ALIKE.get(c, c) for c in kept)


def _lowered(text: str) -> str:
    """Lower case of the same length."""
    lower = text.replace("\u03a3", "\u03c3").lower()  # a final sigma depends on its neighbours
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@dataclass(frozen=True)
class View:
    """A text as guards read it. `text` is normalised; `place` leads back to the original."""

    original: str

    @property
    def length(self) -> int:
        return len(self.original)

    @cached_property
    def _mapped(self) -> tuple[str, list[int] | None]:
        if self.original.isascii():
            return self.original, None
        plain: list[str] = []
        origins: list[int] = []
        for index, character in enumerate(self.original):
            found = character if character.isascii() else _plain(character)
            plain.append(found)
            origins.extend([index] * len(found))
        return "".join(plain), origins

    @property
    def text(self) -> str:
        return self._mapped[0]

    @cached_property
    def lower(self) -> str:
        """`text` in lower case, of the same length."""
        return _lowered(self.text)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of a stretch of `text`, invisible characters inside included."""
        origins = self._mapped[1]
        if origins is None:
            return start, end
        if start >= end:
            where = origins[start] if start < len(origins) else self.length
            return where, where
        return origins[start], origins[end - 1] + 1

    def index_of(self, offset: int) -> int:
        """The index in `text` of the first character that comes from `offset` in the original or later."""
        origins = self._mapped[1]
        return offset if origins is None else bisect_left(origins, offset)


def view_of(text: str) -> View:
    return View(text)
