"""An exchange begins: what it may cost is reserved and its usage row written, both or neither.

On PostgreSQL that is one statement in one message, so that the rows of the month's spending, which all exchanges of a
project or a key write, are locked for as long as the server needs and no longer.
"""

from typing import Any

from django.db import DataError, connection, transaction
from psycopg.errors import DivisionByZero

from portal.tenancy import POSTGRESQL, Scope, alone
from projects.budgets import (
    RESERVE_AFTER_KEY,
    RESERVE_OF_KEY,
    RESERVE_OF_PROJECT,
    Part,
    Reservation,
)
from projects.models import Exchange


def open_exchange(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    """Stores the row and gives it its number; False, and nothing stored, where a budget has no room."""
    if reservation is not None:
        if reservation.is_too_much:
            return False
        row.reserved_micros = reservation.amount if reservation.of_project else 0
        row.key_reserved_micros = reservation.amount if reservation.of_key else 0
    opened = _in_one_statement if connection.vendor == POSTGRESQL else _in_several
    return opened(row, scope, reservation)


def _in_one_statement(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    sql, params = _insert(row)
    if reservation is not None:
        before, condition, values = _reserving(reservation)
        sql, params = f"WITH {before} {sql} WHERE {condition}", [*values, *params]
    try:
        found = alone(scope, f"{sql} RETURNING id", params)
    except DataError as error:
        if isinstance(error.__cause__, DivisionByZero):
            return False
        raise
    if found is None:
        return False
    row.pk, row._state.adding = found[0], False
    return True


def _reserving(reservation: Reservation) -> tuple[str, str, list[Any]]:
    """What goes before the row, when the row may follow, and the values.

    With two budgets the project's is asked only if the key's had room. If it then has none, the division by zero
    takes the key's reservation back: what one statement has written, it cannot undo otherwise.
    """
    key, project = reservation.of_key, reservation.of_project
    if key is None or project is None:
        sql = RESERVE_OF_PROJECT if project else RESERVE_OF_KEY
        parts = [part for part in (key, project) if part is not None]
        values = [value for part in parts for value in reservation.parameters(part)]
        return f"reserved AS ({sql})", "EXISTS (TABLE reserved)", values
    before = f"of_key AS ({RESERVE_OF_KEY}), reserved AS ({RESERVE_AFTER_KEY})"
    fitted = "(SELECT count(*) FROM of_key) + (SELECT count(*) FROM reserved)"
    values = [*reservation.parameters(key), *reservation.parameters(project)]
    return before, f"1 / ({fitted} - 1) = 1", values


def _insert(row: Exchange) -> tuple[str, list[Any]]:
    """INSERT … SELECT of all its values."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(field.column for field in fields)
    places = ", ".join("%s" for _field in fields)
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    table = row._meta.db_table
    return f"INSERT INTO {table} ({columns}) SELECT {places}", values


def _in_several(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    try:
        with transaction.atomic():
            if reservation is not None:
                _reserve(RESERVE_OF_KEY, reservation, reservation.of_key)
                _reserve(RESERVE_OF_PROJECT, reservation, reservation.of_project)
            row.save(force_insert=True)
    except _NoRoomError:
        return False
    return True


class _NoRoomError(Exception):
    """Takes back what was reserved beside a budget that has no room."""


def _reserve(sql: str, reservation: Reservation, part: Part | None) -> None:
    if part is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, reservation.parameters(part))
        if cursor.fetchone() is None:
            raise _NoRoomError
