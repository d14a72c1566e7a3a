"""Periodic work: exchanges that nobody closed, and retention."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from portal.models import DataKey
from portal.tenancy import EVERYTHING, tenant
from projects.budgets import month_of, settle
from projects.models import Conversation, Exchange

ABANDONED_AFTER = timedelta(minutes=30)  # longer than any provider's total timeout
BATCH = 500
VISITORS_STAY = timedelta(hours=2)  # longer than a session at a widget, and all use of its key


@shared_task(name="projects.close_abandoned")
def close_abandoned() -> int:
    """Marks exchanges whose process died as abandoned and gives back what they reserved; returns how many."""
    closed = 0
    limit = timezone.now() - ABANDONED_AFTER
    rows = Exchange.objects.open_before(limit).select_related("project")
    for row in rows.defer("question", "answer")[:BATCH]:
        with tenant(EVERYTHING, atomic=True) as deed:
            won = Exchange.objects.filter(pk=row.pk, closed_at__isnull=True).update(
                closed_at=timezone.now(), outcome="abandoned", reserved_micros=0
            )
            if won and row.project_id:
                settle(
                    deed,
                    project_id=row.project_id,
                    team_id=row.project.team_id,
                    month=month_of(row.created_at),
                    spent=0,
                    reserved=row.reserved_micros,
                )
        closed += won
    return closed


@shared_task(name="projects.apply_retention")
def apply_retention(dry_run: bool = False) -> dict[str, int]:
    """Removes logged content after 24 hours and conversations after 90 days; usage rows and what was spent stay.

    The data keys of widgets' visitors go with their content.
    """
    now = timezone.now()
    content = Exchange.objects.filter(
        created_at__lt=now - timedelta(hours=settings.RETENTION_CONTENT_HOURS),
        question__isnull=False,
    )
    stale = Conversation.objects.filter(
        updated_at__lt=now - timedelta(days=settings.RETENTION_CONVERSATION_DAYS)
    )
    if dry_run:
        return {"contents": content.count(), "conversations": stale.count()}
    removed = {"contents": _clear(content), "conversations": _delete(stale)}
    kept = timedelta(hours=settings.RETENTION_CONTENT_HOURS) + VISITORS_STAY
    DataKey.objects.of_visitors().filter(created_at__lt=now - kept).delete()
    return removed


def _clear(rows: QuerySet) -> int:
    """In batches, so that no lock is held for long."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        total += Exchange.objects.filter(pk__in=ids).update(question=None, answer=None)
    return total


def _delete(rows: QuerySet) -> int:
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        Conversation.objects.filter(pk__in=ids).delete()
        total += len(ids)
    return total
