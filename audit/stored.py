"""Entries as they are stored, for hashing: the values in the order of `verifier.FIELDS`, nothing opened or parsed."""

from collections.abc import Iterable
from typing import Any

from django.db import connection

from audit.models import Entry
from audit.verifier import FIELDS, Ranges

_TIMES = {
    "postgresql": "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')",
    # As Django writes it: without a zone, and without a fraction where that is zero.
    "sqlite": (
        "replace(substr(created_at, 1, 19), ' ', 'T') || '.' || "
        "substr(substr(created_at, 21) || '000000', 1, 6) || '+00:00'"
    ),
}


# Its own sequence is the only one that numbers entries; who inserts above it would have all later ones look inserted.
GIVEN = {
    "postgresql": "id <= (SELECT last_value FROM audit_entry_id_seq)",
    "sqlite": "1 = 1",
}


def select(condition: str) -> str:
    """SQL for the rows that meet a condition, without an order."""
    columns = ", ".join(
        _TIMES[connection.vendor] if name == "created_at" else name for name in FIELDS
    )
    return f"SELECT {columns} FROM {Entry._meta.db_table} WHERE {condition}"  # noqa: S608 - our own words


def after(entry_id: int, *, limit: int) -> list[tuple[Any, ...]]:
    """The next rows by id, of one snapshot; none with an id that the database has not given to anybody yet."""
    return _rows(
        f"{select(f'id > %s AND {GIVEN[connection.vendor]}')} ORDER BY id LIMIT %s",
        [entry_id, limit],
    )


def not_given() -> int | None:
    """The first id of an entry that the database has not numbered: on SQLite, which goes on from the highest, there is none."""
    sql = f"SELECT min(id) FROM {Entry._meta.db_table} WHERE NOT ({GIVEN[connection.vendor]})"  # noqa: S608 - our own words
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def among(ranges: Ranges, *, limit: int) -> list[tuple[Any, ...]]:
    """The first rows by id within ranges of ids."""
    found: list[tuple[Any, ...]] = []
    for first, last in ranges:
        sql = f"{select('id BETWEEN %s AND %s')} ORDER BY id LIMIT %s"
        found += _rows(sql, [first, last, limit - len(found)])
        if len(found) >= limit:
            break
    return found


def _rows(sql: str, params: Iterable[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall()
