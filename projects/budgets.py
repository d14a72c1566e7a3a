"""A project's money in a month: reserved before the call, settled after it, each in one exact statement.

Amounts are whole millionths of a USD. The statements are atomic by themselves: parallel exchanges can never
reserve more than the budget.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from django.utils import timezone

from portal.tenancy import Deed

MICROS = Decimal(1_000_000)

RESERVE = """
INSERT INTO projects_spend AS s (project_id, team_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, %s, 0, %s)
ON CONFLICT (project_id, month) DO UPDATE
   SET reserved_micros = s.reserved_micros + excluded.reserved_micros
 WHERE s.spent_micros + s.reserved_micros + excluded.reserved_micros <= %s
RETURNING reserved_micros
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
class Reservation:
    """The most that an exchange can cost, to be held back from its project's budget of the month."""

    project_id: int
    team_id: int
    month: date
    amount: int
    budget: int

    @property
    def parameters(self) -> list[Any]:
        """For `RESERVE`, which answers a row if the amount fitted beside all that is spent and reserved."""
        return [self.project_id, self.team_id, self.month, self.amount, self.budget]


def settle(
    deed: Deed, *, project_id: int, team_id: int, month: date, spent: int, reserved: int
) -> None:
    """Books what was spent and gives back what was reserved, in the month of the reservation.

    Every exchange of the project locks the same row: so it is the last that a transaction does.
    """
    if spent or reserved:
        deed.end_with(SETTLE, [project_id, team_id, month, spent, reserved])
