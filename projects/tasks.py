"""Periodic work: exchanges that nobody closed, retention, and keys that are used far more than usual."""

from datetime import timedelta

from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from portal.models import DataKey
from portal.platform_settings import value
from portal.tenancy import EVERYTHING, Deed, tenant
from projects import key_usage
from projects.access.snapshots import take_snapshot
from projects.budgets import KEY, PROJECT, TEAM, Charge, month_of, settle
from projects.models import Conversation, Exchange
from projects.removal_actions import remove_conversations

ABANDONED_AFTER = timedelta(minutes=30)  # longer than any provider's total timeout
BATCH = 500
VISITORS_STAY = timedelta(hours=2)  # longer than a session at a widget, and all use of its key


@shared_task(name="projects.close_abandoned")
def close_abandoned() -> int:
    """Marks exchanges whose process died as abandoned and gives back what they reserved; returns how many."""
    closed = 0
    limit = timezone.now() - ABANDONED_AFTER
    rows = Exchange.objects.open_before(limit).select_related("project", "key")
    for row in rows.defer("question", "answer")[:BATCH]:
        with tenant(EVERYTHING, atomic=True) as deed:
            won = Exchange.objects.filter(pk=row.pk, closed_at__isnull=True).update(
                closed_at=timezone.now(),
                outcome="abandoned",
                reserved_micros=0,
                key_reserved_micros=0,
                team_reserved_micros=0,
            )
            if won:
                _give_back(deed, row)
        closed += won
    return closed


def _give_back(deed: Deed, row: Exchange) -> None:
    charges = []
    if row.key_id:
        charges.append(Charge(KEY, (row.key_id, row.key.user_id), 0, row.key_reserved_micros))
    if row.project_id:
        owner = (row.project_id, row.project.team_id)
        charges.append(Charge(PROJECT, owner, 0, row.reserved_micros))
    if row.team_id:
        charges.append(Charge(TEAM, (row.team_id,), 0, row.team_reserved_micros))
    settle(deed, month=month_of(row.created_at), charges=charges)


@shared_task(name="projects.apply_retention")
def apply_retention(dry_run: bool = False) -> dict[str, int]:
    """Removes logged content after 24 hours and conversations after 90 days; usage rows and what was spent stay.

    The data keys of widgets' visitors go with their content.
    """
    now = timezone.now()
    content = Exchange.objects.filter(
        created_at__lt=now - timedelta(hours=value("content_hours")),
        question__isnull=False,
    )
    stale = Conversation.objects.filter(
        updated_at__lt=now - timedelta(days=value("conversation_days"))
    )
    if dry_run:
        return {"contents": content.count(), "conversations": stale.count()}
    removed = {"contents": _clear(content), "conversations": remove_conversations(stale)}
    kept = timedelta(hours=value("content_hours")) + VISITORS_STAY
    DataKey.objects.of_visitors().filter(created_at__lt=now - kept).delete()
    return removed


def _clear(rows: QuerySet) -> int:
    """In batches, so that no lock is held for long."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        total += Exchange.objects.filter(pk__in=ids).update(question=None, answer=None)
    return total


@shared_task(name="projects.watch_keys")
def watch_keys() -> int:
    """Tells the owners of keys that are used far above their usual; returns how many."""
    return key_usage.watch()


@shared_task(name="projects.snapshot_permissions")
def snapshot_permissions() -> str:
    """Tonight's matrix, once: what is there already stays. Returns its day."""
    return str(take_snapshot(replace=False))
