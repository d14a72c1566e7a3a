"""Periodic work: exchanges that nobody closed, retention, and keys that are used far more than usual."""

from collections.abc import Iterator
from datetime import timedelta

from celery import shared_task
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal import keyring
from portal.models import DataKey
from portal.platform_settings import value
from portal.tenancy import EVERYTHING, Deed, tenant
from projects import key_usage
from projects.access.snapshots import take_snapshot
from projects.budgets import KEY, PROJECT, TEAM, Charge, month_of, settle
from projects.models import Conversation, Exchange
from projects.removal_actions import remove_conversations
from teams.models import Team

ABANDONED_AFTER = timedelta(minutes=70)  # longer than any provider's total timeout: an hour at most
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
    settle(deed, exchange=row.pk, month=month_of(row.created_at), charges=charges)


@shared_task(name="projects.apply_retention")
def apply_retention(dry_run: bool = False) -> dict[str, int]:
    """Removes logged content and conversations whose time is over; usage rows and what was spent stay.

    The platform's times, which its settings say, hold where a team has none of its own. The data keys of widgets'
    visitors go with the last of their content.
    """
    contents, stale = list(due_contents()), list(due_conversations())
    if dry_run:
        return {
            "contents": sum(rows.count() for rows in contents),
            "conversations": sum(rows.count() for rows in stale),
        }
    removed = {
        "contents": sum(map(_clear, contents)),
        "conversations": sum(map(remove_conversations, stale)),
    }
    _forget_visitors()
    return removed


def due_contents() -> Iterator[QuerySet]:
    """Exchanges whose question and answer have stayed long enough, by how long that is."""
    of_team = Team.objects.exclude(content_hours=None)
    for hours in {None, *of_team.order_by().values_list("content_hours", flat=True)}:
        kept = timedelta(hours=value("content_hours") if hours is None else hours)
        # Rows of no team are the platform's.
        whose = Q(team__content_hours=hours) if hours else Q(team__content_hours__isnull=True)
        old = Exchange.objects.filter(created_at__lt=timezone.now() - kept)
        yield old.filter(whose, question__isnull=False)


def due_conversations() -> Iterator[QuerySet]:
    """Conversations in which nothing was said for long enough, by how long that is."""
    of_team = Team.objects.exclude(conversation_days=None)
    for days in {None, *of_team.order_by().values_list("conversation_days", flat=True)}:
        kept = timedelta(days=value("conversation_days") if days is None else days)
        old = Conversation.objects.filter(updated_at__lt=timezone.now() - kept)
        yield old.filter(project__team__conversation_days=days)


def _forget_visitors() -> None:
    """Data keys of widgets' visitors, those under which nothing is kept any more; in batches."""
    old = DataKey.objects.of_visitors().filter(created_at__lt=timezone.now() - VISITORS_STAY)
    contents = Exchange.objects.filter(question__isnull=False).order_by()
    done = 0
    while keys := list(old.filter(pk__gt=done).order_by("pk").values_list("pk", "owner")[:BATCH]):
        done = keys[-1][0]
        names = [owner.removeprefix(keyring.visitor("")) for _pk, owner in keys]
        said = contents.filter(visitor__in=names).values_list("visitor", flat=True)
        kept = {keyring.visitor(name) for name in said}
        DataKey.objects.filter(pk__in=[pk for pk, owner in keys if owner not in kept]).delete()


def _clear(rows: QuerySet) -> int:
    """In batches, so that no lock is held for long."""
    total = 0
    while ids := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
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
