"""What the teams add to the console: the section of one's teams, whose figures are shown, and two first steps."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console_lists import VisibleFilter
from portal.console_navigation import Link, Section, register_page, register_section
from portal.start_page import Scope, Step, register_scope, register_steps
from teams import roles_page
from teams.models import Grant, Team
from teams.querysets import archived_teams

LISTED = 8


def teams_of(user: Any) -> QuerySet:
    """Those whose figures one may see: all for platform admins and auditors, else the ones that one administers."""
    if user.is_superuser or user.is_auditor:
        return Team.objects.visible_to(user)
    return Team.objects.administered_by(user)


class TeamFilter(VisibleFilter):
    """By the slug of a team that one may see here."""

    title = "team"
    parameter_name = "team"
    column = "team__slug"

    def source(self, user: Any) -> list[tuple[str, str]]:
        return list(teams_of(user).order_by("name").values_list("slug", "name"))


def section(request: HttpRequest) -> Section | None:
    """The first teams in use by name, each with its start page; the list has the others."""
    here = request.GET.get("team") if request.path == reverse("admin:index") else None
    teams = teams_of(request.user).exclude(pk__in=archived_teams()).order_by("name")
    rows = list(teams.values_list("slug", "name")[: LISTED + 1])
    links = [
        Link(name, f"{reverse('admin:index')}?team={slug}", slug == here)
        for slug, name in rows[:LISTED]
    ]
    if len(rows) > LISTED:
        links.append(Link(_("All teams"), reverse("admin:teams_team_changelist")))
    return Section(_("My teams") if not _sees_all(request.user) else _("Teams"), links)


def scope(request: HttpRequest) -> Scope:
    """One team where the address names it, else all that one may see. Another's team is not found."""
    user, slug = request.user, request.GET.get("team")
    if slug:
        team = teams_of(user).filter(slug=slug).first()
        if team is None:
            raise Http404
        may = user.has_perm("teams.view_team", team)
        page = reverse("admin:teams_team_change", args=[team.pk]) if may else ""
        return Scope(user, (team.pk,), team.slug, team.name, page)
    if _sees_all(user):
        return Scope(user)
    return Scope(user, tuple(teams_of(user).order_by("pk").values_list("pk", flat=True)))


def _sees_all(user: Any) -> bool:
    return bool(user.is_superuser or user.is_auditor)


def steps(user: Any) -> list[tuple[int, Step]]:
    return [
        (
            20,
            Step(
                _("Create a team"),
                _("People work in teams; a team owns its projects, keys and guards."),
                reverse("admin:teams_team_add"),
                Team.objects.exists(),
            ),
        ),
        (
            30,
            Step(
                _("Grant a model to the team"),
                _("No grant, no use: a team reaches only the models that it was given."),
                reverse("admin:teams_grant_add"),
                Grant.objects.exists(),
            ),
        ),
    ]


def install() -> None:
    register_page(roles_page.PAGE)
    register_section(section)
    register_scope(scope)
    register_steps(steps)
