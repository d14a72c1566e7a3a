"""Why somebody reaches a project or does not, and where that is set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from portal.errors import Refusal
from projects.access.console import frame, words
from projects.access.explain import Explanation, explain
from projects.access.loading import Selection
from projects.models import Project, ProjectMember
from teams.models import Membership


@dataclass(frozen=True, slots=True)
class Way:
    """Where something that decides is set."""

    label: str
    about: str
    url: str


def page(request: HttpRequest) -> HttpResponse:
    """404 for a person or a project that one does not see, with the form to choose others."""
    whole = frame.whole(request)
    user, project = (request.GET.get(name, "").strip()[:320] for name in ("user", "project"))
    context: dict[str, Any] = {
        "title": _("Explain access"),
        "crumb": _("Explain"),
        "user_asked": user,
        "project_asked": project,
        "people": frame.suggested_people(whole),
        "projects": frame.suggested_projects(whole),
    }
    if not (user and project):
        return frame.shown(request, "explain.html", context)
    mistakes = list(_mistakes(whole, user, project))
    if mistakes:
        return frame.shown(request, "explain.html", {**context, "mistakes": mistakes}, status=404)
    selection = whole.narrowed(user=user, project=project)
    found = explain(by=request.user, selection=selection)
    context |= {
        "found": found,
        "role": words.role_of(found.path) if found.path else "",
        "via": words.VIAS[found.path.via] if found.path else "",
        "ways": list(_ways(request, found)),
        "simulate": reverse("admin:access_simulate"),
    }
    return frame.shown(request, "explain.html", context)


def _mistakes(whole: Selection, user: str, project: str) -> Iterator[tuple[str, str]]:
    """(field, what is wrong): what is not seen does not exist."""
    for name, words_, wanted in (
        ("user", _("You see nobody with this e-mail."), {"user": user}),
        ("project", _("You see no project with this slug."), {"project": project}),
    ):
        try:
            whole.narrowed(**wanted)
        except Refusal as refusal:
            if refusal.code != "not_found":
                raise
            yield name, words_


def _ways(request: HttpRequest, found: Explanation) -> Iterator[Way]:
    """Pages of the console that this person may open, of what decides here."""
    person = User.objects.filter(pk=found.person.id).first()
    project = Project.objects.select_related("team").filter(pk=found.project.id).first()
    if person is None or project is None:
        return
    standing = Membership.objects.filter(user=person, team=project.team).first()
    assigned = ProjectMember.objects.filter(user=person, project=project).first()
    for row, label, about in (
        (person, _("The person"), _("active, restricted, platform admin")),
        (standing, _("Their role in the team"), _("role, custom role")),
        (assigned, _("Their assignment"), _("explicit access to a private project")),
        (project, _("The project"), _("visibility, model, switched on or off")),
        (project.team, _("The team"), _("grants, regions, addresses, archived")),
    ):
        if row is not None and _opens(request, row):
            yield Way(label, about, _change(row))
    if standing is None and _adds(request, Membership, project):
        label = _("Put them into the team")
        yield Way(
            label, _("a new membership"), _add(Membership, user=person.pk, team=project.team_id)
        )
    if assigned is None and standing is not None and _adds(request, ProjectMember, project):
        label = _("Assign the project to them")
        yield Way(
            label, _("explicit access"), _add(ProjectMember, user=person.pk, project=project.pk)
        )


def _opens(request: HttpRequest, row: Any) -> bool:
    page = admin.site._registry.get(type(row))
    return page is not None and page.has_view_permission(request, row)


def _adds(request: HttpRequest, model: Any, project: Project) -> bool:
    """In the project's team."""
    page = admin.site._registry.get(model)
    return page is not None and page.has_add_permission(request, project)


def _change(row: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


def _add(model: Any, **initial: Any) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_add"
    return reverse(name) + frame.query(**initial)
