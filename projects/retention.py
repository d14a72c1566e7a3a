"""How long the words of people and the lines of the usage log are kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import keyring
from portal.models import DataKey
from portal.retention import register_afterwards, register_kind
from portal.retention_rows import Pile, RowsKind
from portal.tenancy import EVERYTHING, tenant
from projects.models import Conversation, Exchange, Message, Project
from projects.rollups import roll_up
from teams.retention import cutoffs, kept

BATCH = 500
PEOPLE = ("user_id", "acted_by_id")
VISITORS_STAY = timedelta(hours=2)  # longer than a session at a widget, and all use of its key


def contents(now: datetime) -> Iterator[Pile]:
    """Question and answer of exchanges. Those of no team are held to the platform's period."""
    for team, cutoff in cutoffs("content_hours", now):
        rows = Exchange.objects.filter(team_id=team, created_at__lt=cutoff)
        yield Pile(team, rows.filter(question__isnull=False), "created_at", _clear, PEOPLE)


def conversations(now: datetime) -> Iterator[Pile]:
    """Those in which nothing was said for long enough, and what waited hidden until a hold was lifted."""
    periods = dict(cutoffs("conversation_days", now))
    for project, team in Project.objects.order_by("pk").values_list("pk", "team_id"):
        rows = Conversation.with_hidden.filter(project_id=project)
        old = rows.filter(updated_at__lt=periods[team])
        yield Pile(team, old, "updated_at", _delete, ("user_id",))
        hidden = rows.filter(hidden_at__isnull=False)
        yield Pile(team, hidden, "hidden_at", _delete, ("user_id",))
    replaced = Message.with_hidden.filter(hidden_at__isnull=False)
    for team in (
        replaced.order_by().values_list("conversation__project__team", flat=True).distinct()
    ):
        rows = replaced.filter(conversation__project__team_id=team)
        yield Pile(team, rows, "hidden_at", _delete, ("conversation__user_id",))


def usage(now: datetime) -> Iterator[Pile]:
    """Lines of the usage log that are closed and hold no words any more."""
    for team, cutoff in cutoffs("usage_days", now):
        rows = Exchange.objects.filter(team_id=team, created_at__lt=cutoff)
        over = rows.filter(closed_at__isnull=False, question__isnull=True)
        yield Pile(team, over, "created_at", roll_up, PEOPLE)


def _clear(rows: QuerySet) -> int:
    return rows.update(question=None, answer=None)


def _delete(rows: QuerySet) -> int:
    return rows.delete()[1].get(rows.model._meta.label, 0)


def forget_visitors() -> None:
    """Data keys of widgets' visitors, those under which nothing is kept any more; in batches."""
    old = DataKey.objects.of_visitors().filter(created_at__lt=timezone.now() - VISITORS_STAY)
    done = 0
    with tenant(EVERYTHING):
        contents = Exchange.objects.filter(question__isnull=False).order_by()
        while keys := list(
            old.filter(pk__gt=done).order_by("pk").values_list("pk", "owner")[:BATCH]
        ):
            done = keys[-1][0]
            names = [owner.removeprefix(keyring.visitor("")) for _pk, owner in keys]
            said = contents.filter(visitor__in=names).values_list("visitor", flat=True)
            stay = {keyring.visitor(name) for name in said}
            DataKey.objects.filter(pk__in=[pk for pk, owner in keys if owner not in stay]).delete()


def install() -> None:
    for kind in (
        RowsKind(
            "contents",
            10,
            _("Logged content"),
            _("Question and answer in the usage log."),
            contents,
            lambda: kept("content_hours"),
        ),
        RowsKind(
            "conversations",
            20,
            _("Conversations"),
            _("With all their messages, after the last one."),
            conversations,
            lambda: kept("conversation_days"),
        ),
        RowsKind(
            "usage",
            30,
            _("Usage details"),
            _("Lines of the usage log. They are added up by day before they go."),
            usage,
            lambda: kept("usage_days"),
        ),
    ):
        register_kind(kind)
    register_afterwards(forget_visitors)
