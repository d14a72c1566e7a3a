"""What the projects know of removals: what goes with a team or a project and what stays, in words with counts."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.recording import register_watcher
from projects.models import Conversation, Exchange, KeyProject, Project, Spend
from projects.removal_actions import forget_assignments, remove_projects_of
from teams.models import Team
from teams.removal import Holding, register_holding


def _counted(one: str, many: str, count: int) -> list[str]:
    return [ngettext(one, many, count) % {"count": f"{count:,}"}] if count else []


def goes_with_team(team: Team) -> list[str]:
    projects = Project.objects.filter(team=team)
    words = _counted("%(count)s project.", "%(count)s projects.", projects.count())
    return [*words, *_said_in(Conversation.objects.filter(project__team=team))]


def stays_after_team(team: Team) -> list[str]:
    keys = KeyProject.objects.filter(project__team=team).values("key").distinct().count()
    return [*_usage(Exchange.objects.filter(team=team)), *_confined(keys)]


def goes_with_project(project: Project) -> list[str]:
    """Beside the project itself."""
    members = project.memberships.count()
    words = _said_in(project.conversations.all())
    words += _counted("%(count)s assignment.", "%(count)s assignments.", members)
    if Spend.objects.filter(project=project).exists():
        words.append(str(_("The figures of its own budget.")))
    return words


def stays_after_project(project: Project) -> list[str]:
    keys = KeyProject.objects.filter(project=project).values("key").distinct().count()
    return [*_usage(project.exchange_set.all()), *_confined(keys)]


def _said_in(conversations: Any) -> list[str]:
    return _counted(
        "%(count)s conversation with all that was said in it.",
        "%(count)s conversations with all that was said in them.",
        conversations.count(),
    )


def _usage(exchanges: Any) -> list[str]:
    return _counted(
        "%(count)s line of the usage log with what it cost; its question and answer go.",
        "%(count)s lines of the usage log with what they cost; their questions and answers go.",
        exchanges.count(),
    )


def _confined(keys: int) -> list[str]:
    return _counted(
        "%(count)s key that is confined here: it reaches nothing here any more, and nothing else instead.",
        "%(count)s keys that are confined here: they reach nothing here any more, and nothing else instead.",
        keys,
    )


def install() -> None:
    register_holding(Holding(20, remove_projects_of, goes_with_team, stays_after_team))
    register_watcher(forget_assignments)
