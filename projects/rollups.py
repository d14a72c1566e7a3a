"""Lines of the usage log become days: in one transaction, so that what both say together never changes."""

from datetime import UTC
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from projects.models import Exchange, UsageDay
from projects.outcomes import GROUPS

OF = ("day", "team_id", "project_slug", "provider_slug", "model_name", "key_id")
KNOWN = [name for members in GROUPS.values() for name in members]


def by_day(rows: QuerySet, *names: str) -> QuerySet:
    """Exchanges added up by the UTC day they were asked on, and by these columns."""
    return (
        rows.order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values("day", *names)
        .annotate(
            requests=Count("pk"),
            answered=_count("answered"),
            blocked=_count("blocked"),
            refused=_count("refused"),
            failed=Count("pk", filter=Q(outcome__in=GROUPS["failed"]) | ~Q(outcome__in=KNOWN)),
            stopped=_count("stopped"),
            prompts=Coalesce(Sum("prompt_tokens"), 0),
            completions=Coalesce(Sum("completion_tokens"), 0),
            price=Sum("cost"),
            unpriced=Count("pk", filter=Q(cost__isnull=True)),
        )
    )


def _count(group: str) -> Count:
    return Count("pk", filter=Q(outcome__in=GROUPS[group]))


def roll_up(rows: QuerySet) -> int:
    """Adds these exchanges to their days and deletes them, in the caller's transaction; returns how many there were."""
    keys = list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
    lines = Exchange.objects.filter(pk__in=keys)
    for line in by_day(lines, *OF[1:]):
        _add(line)
    return lines.delete()[1].get(Exchange._meta.label, 0)


def _add(line: dict[str, Any]) -> None:
    line["prompt_tokens"], line["completion_tokens"] = line.pop("prompts"), line.pop("completions")
    line["cost"] = line.pop("price") or Decimal(0)
    line["key_id"] = line["key_id"] or 0
    of = {name: line.pop(name) for name in OF}
    rows = UsageDay.objects.filter(**of)
    if not rows.update(**{name: F(name) + count for name, count in line.items()}):
        UsageDay.objects.create(**of, **line)
