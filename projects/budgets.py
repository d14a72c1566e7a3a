"""The money of a project and of a key in a month: reserved before the call, settled after it, each in one exact statement.

Amounts are whole millionths of a USD. The statements are atomic by themselves: parallel exchanges can never
reserve more than a budget.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from django.utils import timezone

from portal.tenancy import Deed

MICROS = Decimal(1_000_000)

# What is spent with a key is counted beside what its project spends; the key's row is always locked first.
RESERVE_OF_KEY = """
INSERT INTO projects_keyspend AS k (key_id, user_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, %s, 0, %s)
ON CONFLICT (key_id, month) DO UPDATE
   SET reserved_micros = k.reserved_micros + excluded.reserved_micros
 WHERE k.spent_micros + k.reserved_micros + excluded.reserved_micros <= %s
RETURNING reserved_micros
"""

RESERVE = """
INSERT INTO projects_spend AS s (project_id, team_id, month, spent_micros, reserved_micros)
{source}
ON CONFLICT (project_id, month) DO UPDATE
   SET reserved_micros = s.reserved_micros + excluded.reserved_micros
 WHERE s.spent_micros + s.reserved_micros + excluded.reserved_micros <= %s
RETURNING reserved_micros
"""
RESERVE_OF_PROJECT = RESERVE.format(source="VALUES (%s, %s, %s, 0, %s)")
RESERVE_AFTER_KEY = RESERVE.format(source="SELECT %s, %s, %s, 0, %s FROM of_key")

SETTLE_OF_KEY = """
INSERT INTO projects_keyspend AS k (key_id, user_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, %s, %s, 0)
ON CONFLICT (key_id, month) DO UPDATE
   SET spent_micros = k.spent_micros + excluded.spent_micros,
       reserved_micros = k.reserved_micros - %s
"""

SETTLE = """
INSERT INTO projects_spend AS s (project_id, team_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, %s, %s, 0)
ON CONFLICT (project_id, month) DO UPDATE
   SET spent_micros = s.spent_micros + excluded.spent_micros,
       reserved_micros = s.reserved_micros - %s
"""


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
    """One of the budgets that an exchange has to fit into: `owner` are the columns that name whose it is."""

    owner: tuple[int, int]
    budget: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that an exchange can cost, to be held back from the month's budgets: its key's, its project's, or both."""

    month: date
    amount: int
    of_project: Part | None = None
    of_key: Part | None = None

    @property
    def is_too_much(self) -> bool:
        """Whether it would not even fit into an untouched budget."""
        return any(part and self.amount > part.budget for part in (self.of_project, self.of_key))

    def parameters(self, part: Part) -> list[Any]:
        """For a `RESERVE…`, which answers a row if the amount fitted beside all that is spent and reserved."""
        return [*part.owner, self.month, self.amount, part.budget]


@dataclass(frozen=True, slots=True)
class Charge:
    """What an exchange cost its project or its key, and what it had reserved there."""

    owner: tuple[int, int]
    spent: int
    reserved: int


def settle(
    deed: Deed, *, month: date, of_project: Charge | None, of_key: Charge | None = None
) -> None:
    """Books what was spent and gives back what was reserved, in the month of the reservation.

    Every exchange of the project locks the same row: so it is the last that a transaction does.
    """
    for sql, charge in ((SETTLE_OF_KEY, of_key), (SETTLE, of_project)):
        if charge is not None and (charge.spent or charge.reserved):
            deed.end_with(sql, [*charge.owner, month, charge.spent, charge.reserved])
