"""Periodic work: exchanges that nobody closed, and keys that are used far more than usual."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.tenancy import EVERYTHING, Deed, tenant
from projects import key_usage
from projects.access.snapshots import take_snapshot
from projects.budgets import KEY, PROJECT, TEAM, Charge, month_of, settle
from projects.models import Exchange

ABANDONED_AFTER = timedelta(minutes=70)  # longer than any provider's total timeout: an hour at most
BATCH = 500


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
    settle(deed, exchange=row.pk, month=month_of(row.created_at), charges=charges)


@shared_task(name="projects.watch_keys")
def watch_keys() -> int:
    """Tells the owners of keys that are used far above their usual; returns how many."""
    return key_usage.watch()


@shared_task(name="projects.snapshot_permissions")
def snapshot_permissions() -> str:
    """Tonight's matrix, once: what is there already stays. Returns its day."""
    return str(take_snapshot(replace=False))
