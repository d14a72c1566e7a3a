"""The money of keys, projects and teams in a month: reserved before the call, settled after it, in exact statements.

Amounts are whole millionths of a USD. The statements are atomic by themselves: parallel exchanges can never
reserve more than a budget.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from django.utils import timezone

from portal.tenancy import Deed

MICROS = Decimal(1_000_000)

RESERVE = """
INSERT INTO {table} AS s ({owner}, month, spent_micros, reserved_micros)
{source}
ON CONFLICT ({first}, month) DO UPDATE
   SET reserved_micros = s.reserved_micros + excluded.reserved_micros
 WHERE s.spent_micros + s.reserved_micros + excluded.reserved_micros <= %s
RETURNING reserved_micros
"""
# Nothing is booked for what was deleted meanwhile: the exchange names it no more.
SETTLE = """
INSERT INTO {table} AS s ({owner}, month, spent_micros, reserved_micros)
SELECT {places}, %s, %s, 0 FROM projects_exchange AS e WHERE e.id = %s AND e.{first} = %s
ON CONFLICT ({first}, month) DO UPDATE
   SET spent_micros = s.spent_micros + excluded.spent_micros,
       reserved_micros = s.reserved_micros - %s
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """Where the spending of one kind of owner is counted: its table, and the columns that name whose row it is.

    `column` is the field of an exchange that says what it holds back there.
    """

    name: str
    table: str
    owner: tuple[str, ...]
    column: str

    def reserving(self, after: str = "") -> str:
        """Answers a row if the amount fitted beside all that is spent and reserved; `after`, only if that did."""
        places = f"{self._places}, %s, 0, %s"
        source = f"SELECT {places} FROM {after}" if after else f"VALUES ({places})"  # noqa: S608 - no input in it
        return RESERVE.format(source=source, **self._names)

    @property
    def settling(self) -> str:
        return SETTLE.format(places=self._places, **self._names)

    @property
    def _places(self) -> str:
        return ", ".join("%s" for _column in self.owner)

    @property
    def _names(self) -> dict[str, str]:
        return {"table": self.table, "owner": ", ".join(self.owner), "first": self.owner[0]}


KEY = Purse("key", "projects_keyspend", ("key_id", "user_id"), "key_reserved_micros")
PROJECT = Purse("project", "projects_spend", ("project_id", "team_id"), "reserved_micros")
TEAM = Purse("team", "projects_teamspend", ("team_id",), "team_reserved_micros")
# In this order their rows are locked, always; the one that most exchanges share is held for the shortest time.
PURSES = (KEY, PROJECT, TEAM)


def micros(amount: Decimal) -> int:
    """Millionths of a USD, rounded up: what is spent is never understated."""
    return int((amount * MICROS).to_integral_value(ROUND_UP))


def dollars(amount: int) -> Decimal:
    """USD of millionths, exact."""
    return amount / MICROS


def month_of(moment: datetime) -> date:
    """Budgets run by the calendar month in UTC."""
    return moment.astimezone(timezone.get_default_timezone()).date().replace(day=1)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the budgets that an exchange has to fit into; `owner` are the values of the purse's columns."""

    purse: Purse
    owner: tuple[int, ...]
    budget: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that an exchange can cost, to be held back from one or more of the month's budgets, in locking order."""

    month: date
    amount: int
    parts: tuple[Part, ...]

    @property
    def is_too_much_for(self) -> Purse | None:
        """The first that it would not even fit into untouched."""
        return next((part.purse for part in self.parts if self.amount > part.budget), None)

    def parameters(self, part: Part) -> list[Any]:
        """For `reserving`."""
        return [*part.owner, self.month, self.amount, part.budget]


@dataclass(frozen=True, slots=True)
class Charge:
    """What an exchange cost the owner of a purse, and what it had reserved there."""

    purse: Purse
    owner: tuple[int, ...]
    spent: int
    reserved: int


def settle(deed: Deed, *, exchange: int, month: date, charges: Iterable[Charge]) -> None:
    """Books what an exchange spent and gives back what it reserved, in the month of the reservation.

    Every exchange of the team locks the same row: so it is the last that a transaction does.
    """
    for charge in sorted(charges, key=lambda charge: PURSES.index(charge.purse)):
        if charge.spent or charge.reserved:
            owner = charge.owner
            values = [*owner, month, charge.spent, exchange, owner[0], charge.reserved]
            deed.end_with(charge.purse.settling, values)
