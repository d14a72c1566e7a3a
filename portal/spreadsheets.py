"""CSV that a spreadsheet opens without running anything of it."""

from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_QUOTED = (",", '"', "\r", "\n")
END = "\r\n"


def cell(value: object) -> str:
    """One value. What a spreadsheet could take for a formula begins with an apostrophe, and stays text."""
    text = "" if value is None else str(value)
    if text.startswith(FORMULA) or text.lstrip(" \u00a0\ufeff").startswith(FORMULA):
        text = f"'{text}"
    if any(mark in text for mark in _QUOTED):
        text = '"' + text.replace('"', '""') + '"'
    return text


def line(values: Iterable[object]) -> str:
    """One row, with its end."""
    return ",".join(cell(value) for value in values) + END
