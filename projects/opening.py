"""An exchange begins: what it may cost is reserved and its usage row written, both or neither.

On PostgreSQL that is one statement in one message, so that the rows of the month's spending, which all exchanges of a
team, a project or a key write, are locked for as long as the server needs and no longer.
"""

import re
from typing import Any

from django.db import DataError, connection, transaction
from psycopg.errors import InvalidTextRepresentation

from portal.tenancy import POSTGRESQL, Scope, alone
from projects.budgets import Part, Purse, Reservation
from projects.models import Exchange

# True with all budgets, false with none; with some it is the error that takes them back.
ALL_FITTED = """(
SELECT CASE n WHEN {all} THEN true WHEN 0 THEN false ELSE ('no room after ' || n)::boolean END
  FROM (SELECT count(*) AS n FROM ({each}) AS each) AS fitted
)"""
_FITTED = re.compile(r"no room after ([0-9]+)")


def open_exchange(row: Exchange, scope: Scope, reservation: Reservation | None) -> Purse | None:
    """Stores the row and gives it its number, and answers None; else nothing is stored, and this budget has no room."""
    if reservation is not None:
        too_small = reservation.is_too_much_for
        if too_small is not None:
            return too_small
        for part in reservation.parts:
            setattr(row, part.purse.column, reservation.amount)
    opened = _in_one_statement if connection.vendor == POSTGRESQL else _in_several
    return opened(row, scope, reservation)


def _in_one_statement(row: Exchange, scope: Scope, reservation: Reservation | None) -> Purse | None:
    sql, params = _insert(row)
    if reservation is not None:
        before, condition, values = _reserving(reservation)
        sql, params = f"WITH {before} {sql} WHERE {condition}", [*values, *params]
    try:
        found = alone(scope, f"{sql} RETURNING id", params)
    except DataError as error:
        fitted = _fitted(error.__cause__)
        if reservation is None or fitted is None:
            raise
        return reservation.parts[fitted].purse
    if found is None:
        return reservation.parts[0].purse if reservation is not None else None
    row.pk, row._state.adding = found[0], False
    return None


def _reserving(reservation: Reservation) -> tuple[str, str, list[Any]]:
    """What goes before the row, when the row may follow, and the values.

    Each budget is asked only if the one before it had room. If a later one has none, an error takes back what the
    earlier ones reserved, and says how many: what one statement has written, it cannot undo otherwise.
    """
    steps: list[str] = []
    names: list[str] = []
    values: list[Any] = []
    for part in reservation.parts:
        sql = part.purse.reserving(after=names[-1] if names else "")
        names.append(f"of_{part.purse.name}")
        steps.append(f"{names[-1]} AS ({sql})")
        values += reservation.parameters(part)
    if len(names) == 1:
        return steps[0], f"EXISTS (TABLE {names[0]})", values
    condition = ALL_FITTED.format(
        all=len(names), each=" UNION ALL ".join(f"TABLE {name}" for name in names)
    )
    return ", ".join(steps), condition, values


def _fitted(cause: BaseException | None) -> int | None:
    """How many budgets had room before one had none; None where something else is wrong."""
    if not isinstance(cause, InvalidTextRepresentation):
        return None
    found = _FITTED.search(cause.diag.message_primary or "")
    return int(found[1]) if found else None


def _insert(row: Exchange) -> tuple[str, list[Any]]:
    """INSERT … SELECT of all its values."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(field.column for field in fields)
    places = ", ".join("%s" for _field in fields)
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    table = row._meta.db_table
    return f"INSERT INTO {table} ({columns}) SELECT {places}", values


def _in_several(row: Exchange, scope: Scope, reservation: Reservation | None) -> Purse | None:
    try:
        with transaction.atomic():
            if reservation is not None:
                for part in reservation.parts:
                    _reserve(reservation, part)
            row.save(force_insert=True)
    except _NoRoomError as error:
        return error.purse
    return None


class _NoRoomError(Exception):
    """Takes back what was reserved beside a budget that has no room."""

    def __init__(self, purse: Purse) -> None:
        super().__init__(purse.name)
        self.purse = purse


def _reserve(reservation: Reservation, part: Part) -> None:
    with connection.cursor() as cursor:
        cursor.execute(part.purse.reserving(), reservation.parameters(part))
        if cursor.fetchone() is None:
            raise _NoRoomError(part.purse)
