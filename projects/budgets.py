"""A project's money in a month: reserved before the call, settled after it, each in one exact statement.

Amounts are whole millionths of a USD. The statements are atomic by themselves: parallel exchanges can never
reserve more than the budget.
"""

from datetime import date, datetime
from decimal import ROUND_UP, Decimal

from django.db import connection
from django.utils import timezone

MICROS = Decimal(1_000_000)

_RESERVE = """
INSERT INTO projects_spend AS s (project_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, 0, %s)
ON CONFLICT (project_id, month) DO UPDATE
   SET reserved_micros = s.reserved_micros + excluded.reserved_micros
 WHERE s.spent_micros + s.reserved_micros + excluded.reserved_micros <= %s
RETURNING reserved_micros
"""

_SETTLE = """
INSERT INTO projects_spend AS s (project_id, month, spent_micros, reserved_micros)
VALUES (%s, %s, %s, 0)
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


def reserve(*, project_id: int, month: date, amount: int, budget: int) -> bool:
    """True if `amount` fitted beside all that is spent and reserved, and is now reserved."""
    if amount > budget:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [project_id, month, amount, budget])
        return cursor.fetchone() is not None


def settle(*, project_id: int, month: date, spent: int, reserved: int) -> None:
    """Books what was spent and gives back what was reserved, in the month of the reservation."""
    if not spent and not reserved:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [project_id, month, spent, reserved])
