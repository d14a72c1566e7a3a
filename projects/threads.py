"""One's conversations in a project: found by title, grouped by when they were last continued."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.encryption import readable
from projects.models import Conversation, Project

LISTED = 60  # on one page
SEARCHED = 2000  # titles are stored encrypted: so many of the newest are read for a search


@dataclass(frozen=True, slots=True)
class Threads:
    """`groups` are (words, conversations); `page` counts from 1; `more` says whether another follows."""

    groups: list[tuple[str, list[Conversation]]]
    wanted: str = ""
    page: int = 1
    more: bool = False

    @property
    def next_page(self) -> int:
        return self.page + 1


def threads(user: Any, project: Project, *, wanted: str = "", page: int = 1) -> Threads:
    """One query. `wanted` are words of the title, in any order, whatever their case."""
    rows = Conversation.objects.visible_to(user).filter(project=project)
    first = (page - 1) * LISTED
    words = wanted.casefold().split()
    if words:
        hits = [
            r
            for r in rows[:SEARCHED]
            if all(word in readable(r, "title", "").casefold() for word in words)
        ]
        found = hits[first : first + LISTED + 1]
    else:
        found = list(rows[first : first + LISTED + 1])
    return Threads(_grouped(found[:LISTED]), wanted, page, len(found) > LISTED)


def _grouped(rows: Iterable[Conversation]) -> list[tuple[str, list[Conversation]]]:
    today = timezone.localdate()

    def age(row: Conversation) -> str:
        day = timezone.localtime(row.updated_at).date()
        if day >= today:
            return _("Today")
        if day == today - timedelta(days=1):
            return _("Yesterday")
        if day > today - timedelta(days=7):
            return _("Last 7 days")
        return _("Last 30 days") if day > today - timedelta(days=30) else _("Older")

    return [(words, list(members)) for words, members in groupby(rows, key=age)]
