"""What the widgets know of removals. They go with their project by themselves; who deletes is told so."""

from typing import Any

from django.utils.translation import ngettext

from teams.models import Team
from teams.removal import Holding, register_holding
from widget.models import Widget


def goes(team: Team) -> list[str]:
    count = Widget.objects.filter(project__team=team).count()
    words = ngettext(
        "%(count)s widget: the chat closes on the pages that show it.",
        "%(count)s widgets: the chats close on the pages that show them.",
        count,
    )
    return [words % {"count": f"{count:,}"}] if count else []


def nothing(by: Any, team: Team) -> None:
    """Their project takes them along."""


def install() -> None:
    register_holding(Holding(30, nothing, goes))
