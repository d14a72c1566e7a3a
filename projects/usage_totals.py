"""What the usage log adds up to by day: its lines, and the days of those that retention removed. Both together never change."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Self

from django.db.models import QuerySet, Sum

from projects.models import Exchange, UsageDay
from projects.querysets import seeing_all_usage
from projects.rollups import by_day


@dataclass(slots=True)
class Total:
    """Sums over exchanges. `cost` is in USD, of those whose price is known; `unpriced` counts the others."""

    requests: int = 0
    answered: int = 0
    blocked: int = 0
    refused: int = 0
    failed: int = 0
    stopped: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: Self) -> "Total":
        return Total(*(getattr(self, name) + getattr(other, name) for name in NAMES))


NAMES = tuple(field.name for field in fields(Total))
Key = tuple[Any, ...]


def totals(
    *, user: Any, first: date, last: date, team: int | None = None, of: tuple[str, ...] = ()
) -> dict[Key, Total]:
    """By (day, *values of the columns `of`), of what this person may see the whole usage of; both days included."""
    found: dict[Key, Total] = {}
    begin = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last + timedelta(days=1), time.min, UTC)
    lines = _seen(Exchange.objects.filter(created_at__gte=begin, created_at__lt=end), user, team)
    days = _seen(UsageDay.objects.filter(day__gte=first, day__lte=last), user, team)
    for key, total in (*_of_lines(lines, of), *_of_days(days, of)):
        found[key] = found.get(key, Total()) + total
    return dict(sorted(found.items(), key=lambda pair: tuple(map(str, pair[0]))))


def _seen(rows: QuerySet, user: Any, team: int | None) -> QuerySet:
    if not (user.is_superuser or user.is_auditor):
        rows = rows.filter(team_id__in=seeing_all_usage(user))
    return rows if team is None else rows.filter(team_id=team)


def _of_lines(rows: QuerySet, of: tuple[str, ...]) -> Iterator[tuple[Key, Total]]:
    names = {"prompts": "prompt_tokens", "completions": "completion_tokens", "price": "cost"}
    for line in by_day(rows, *of):
        key = (line.pop("day"), *(line.pop(name) for name in of))
        line["price"] = line["price"] or Decimal(0)
        yield key, Total(**{names.get(name, name): value for name, value in line.items()})


def _of_days(rows: QuerySet, of: tuple[str, ...]) -> Iterator[tuple[Key, Total]]:
    sums = {f"sum_{name}": Sum(name) for name in NAMES}
    for line in rows.order_by().values("day", *of).annotate(**sums):
        key = (line["day"], *(line[name] for name in of))
        yield key, Total(*(line[f"sum_{name}"] for name in NAMES))
