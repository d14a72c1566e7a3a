"""From the pages where access is changed to what the change would do."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console_navigation import Tool, register_tools
from projects.access.console.frame import query
from projects.access.loading import PERMISSION
from projects.models import Project, ProjectMember, Visibility
from teams.models import Grant, Membership


def install() -> None:
    register_tools("teams.Membership", _membership)
    register_tools("teams.Grant", _grant)
    register_tools("projects.Project", _project)
    register_tools("projects.ProjectMember", _assignment)


def _tools(request: HttpRequest, of: Any, **change: Any) -> list[Tool]:
    if not request.user.has_perm(PERMISSION, of):
        return []
    return [Tool(_("Simulate a change"), reverse("admin:access_simulate") + query(**change))]


def _membership(request: HttpRequest, row: Membership | None) -> list[Tool]:
    if row is None:
        return _tools(request, None, op="add_member")
    change = {"team": row.team.slug, "user": row.user.email, "role": row.role}
    return _tools(request, row.team, op="change_role", **change)


def _grant(request: HttpRequest, row: Grant | None) -> list[Tool]:
    if row is None:
        return _tools(request, None, op="grant")
    return _tools(request, row.team, op="withdraw", team=row.team.slug, model=row.model_id)


def _project(request: HttpRequest, row: Project | None) -> list[Tool]:
    """What it is not: the other visibility."""
    if row is None:
        return []
    is_public = row.visibility == Visibility.PUBLIC
    other = Visibility.PRIVATE if is_public else Visibility.PUBLIC
    return _tools(request, row.team, op="set_visibility", project=row.slug, visibility=other)


def _assignment(request: HttpRequest, row: ProjectMember | None) -> list[Tool]:
    if row is None:
        return _tools(request, None, op="assign")
    change = {"project": row.project.slug, "user": row.user.email}
    return _tools(request, row.project.team, op="unassign", **change)
