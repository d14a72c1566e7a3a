"""What the guards hold of a team: its own guards, wherever they are attached."""

from typing import Any

from django.utils.translation import ngettext

from guards.models import Guard, GuardAttachment, GuardEvent
from teams.models import Team
from teams.removal import Holding, register_holding


def remove(by: Any, team: Team) -> None:
    """The projects that chose them are gone already."""
    GuardAttachment.objects.filter(guard__team=team).delete()
    GuardAttachment.objects.filter(team=team).delete()
    Guard.objects.filter(team=team).delete()


def goes(team: Team) -> list[str]:
    count = Guard.objects.filter(team=team).count()
    words = ngettext("%(count)s guard of its own.", "%(count)s guards of its own.", count)
    return [words % {"count": f"{count:,}"}] if count else []


def stays(team: Team) -> list[str]:
    count = GuardEvent.objects.filter(team=team).count()
    words = ngettext("%(count)s guard event.", "%(count)s guard events.", count)
    return [words % {"count": f"{count:,}"}] if count else []


def install() -> None:
    register_holding(Holding(10, remove, goes, stays))
