"""An exchange begins: what it may cost is reserved and its usage row written, both or neither.

On PostgreSQL that is one statement in one message, so that the row of the month's spending, which all exchanges of a
project write, is locked for as long as the server needs and no longer.
"""

from typing import Any

from django.db import connection, transaction

from portal.tenancy import POSTGRESQL, Scope, alone
from projects.budgets import RESERVE, Reservation
from projects.models import Exchange


def open_exchange(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    """Stores the row and gives it its number; False, and nothing stored, where the budget has no room."""
    if reservation is not None:
        if reservation.amount > reservation.budget:
            return False
        row.reserved_micros = reservation.amount
    opened = _in_one_statement if connection.vendor == POSTGRESQL else _in_two
    return opened(row, scope, reservation)


def _in_one_statement(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    sql, params = _insert(row)
    if reservation is not None:
        sql = f"WITH reserved AS ({RESERVE}) {sql} WHERE EXISTS (TABLE reserved)"
        params = [*reservation.parameters, *params]
    found = alone(scope, f"{sql} RETURNING id", params)
    if found is None:
        return False
    row.pk, row._state.adding = found[0], False
    return True


def _insert(row: Exchange) -> tuple[str, list[Any]]:
    """INSERT … SELECT of all its values."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(field.column for field in fields)
    places = ", ".join("%s" for _field in fields)
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    table = row._meta.db_table
    return f"INSERT INTO {table} ({columns}) SELECT {places}", values


def _in_two(row: Exchange, scope: Scope, reservation: Reservation | None) -> bool:
    with transaction.atomic():
        if reservation is not None:
            with connection.cursor() as cursor:
                cursor.execute(RESERVE, reservation.parameters)
                if cursor.fetchone() is None:
                    return False
        row.save(force_insert=True)
    return True
