"""CSV that a spreadsheet opens without running anything of it."""

from collections.abc import Iterable
from unicodedata import normalize

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u200c\u200d\u2060\ufeff"
_QUOTED = (",", '"', "\r", "\n")
END = "\r\n"


def cell(value: object) -> str:
    """One value. What a spreadsheet could take for a formula begins with an apostrophe, and stays text."""
    text = "" if value is None else str(value)
    if text.startswith(FORMULA) or _begins_as_formula(text):
        text = f"'{text}"
    if any(mark in text for mark in _QUOTED):
        text = '"' + text.replace('"', '""') + '"'
    return text


def _begins_as_formula(text: str) -> bool:
    """Behind blanks and what nobody sees, and also in full width, which some spreadsheets read as the narrow sign."""
    return normalize("NFKC", text.lstrip(_BLANK)[:1]).startswith(FORMULA)


def line(values: Iterable[object]) -> str:
    """One row, with its end."""
    return ",".join(cell(value) for value in values) + END
