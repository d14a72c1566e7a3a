"""Lines of CSV that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """A value as text; what a spreadsheet could run gets an apostrophe before it. None is empty."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_DANGEROUS) else text


def lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """One line for each row, as it comes: nothing of it is kept."""
    for row in rows:
        written = io.StringIO()
        csv.writer(written).writerow([cell(value) for value in row])
        yield written.getvalue()
