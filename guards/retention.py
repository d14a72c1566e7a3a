"""How long guard events are kept."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from guards.models import GuardEvent
from portal.retention import register_kind
from portal.retention_rows import Pile, RowsKind
from teams.retention import cutoffs, kept

PEOPLE = ("user_id", "acted_by_id")


def events(now: datetime) -> Iterator[Pile]:
    for team, cutoff in cutoffs("event_days", now):
        rows = GuardEvent.objects.filter(team_id=team, created_at__lt=cutoff)
        yield Pile(team, rows, "created_at", _delete, PEOPLE)


def _delete(rows: QuerySet) -> int:
    return rows.delete()[0]


def install() -> None:
    register_kind(
        RowsKind(
            "events",
            40,
            _("Guard events"),
            _("What guards found, without any text."),
            events,
            lambda: kept("event_days"),
        )
    )
