"""The matrix for people: who is here, and in words what each of them reaches; usable however many there are of both."""

from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import fresh
from projects.access.console import frame, words
from projects.access.console.filters import Filters
from projects.access.facts import Person, Places, ProjectFact
from projects.access.loading import Selection, places, these, with_facts
from projects.access.reaches import Path, paths, reaches
from teams.roles import Role

PAGE = 50  # people
WIDEST = 8  # projects of a team that are columns
MOST = 2000  # projects of one person on their page


@dataclass(frozen=True, slots=True)
class Entry:
    """A person of the list: what they reach in words, or a cell for each column."""

    person: Person
    groups: list[words.Group] = field(default_factory=list)
    cells: list[tuple[ProjectFact, Path | None]] = field(default_factory=list)


def page(request: HttpRequest) -> HttpResponse:
    """The list of people; with `user` in the address, all that this one reaches."""
    whole = frame.whole(request)
    filters = Filters.read(request)
    user = request.GET.get("user", "").strip()
    selection = whole.narrowed(team=filters.team, user=user, project=filters.project)
    if user:
        return _of_one(request, selection, filters)
    here = places(selection)
    accounts = filters.narrow(selection.accounts(), selection)
    found = with_facts(
        selection, accounts.filter(email__gt=filters.after).order_by("email")[: PAGE + 1]
    )
    columns = _columns(filters, here)
    entries = [_entry(person, here, filters, columns) for person in found[:PAGE]]
    more = found[PAGE - 1].email if len(found) > PAGE else ""
    context = {
        "title": _("Who reaches what"),
        "crumb": _("Who reaches what"),
        "through": (),
        "filters": filters,
        "entries": [entry for entry in entries if entry is not None],
        "columns": columns,
        "people": accounts.count(),
        "next": filters.address(after=more) if more else "",
        "first": filters.address() if filters.after else "",
        "teams": frame.teams(whole),
        "roles": Role.choices,
        "vias": words.VIAS.items(),
        **_ways(filters),
    }
    return frame.shown(request, "matrix.html", context)


def _columns(filters: Filters, here: Places) -> list[ProjectFact]:
    """Of one team with few projects, which is shown as a grid."""
    if not filters.team or filters.project or not 0 < len(here.live) <= WIDEST:
        return []
    return list(here.live)


def _entry(
    person: Person, here: Places, filters: Filters, columns: list[ProjectFact]
) -> Entry | None:
    """None for who passes no filter."""
    found = [reach for reach in reaches(person, here) if filters.passes(reach.path)]
    if not found and (filters.role or filters.via or filters.project):
        return None
    if columns:
        by_project = {one.id: reach.path for reach in found for one in reach}
        return Entry(person, cells=[(one, by_project.get(one.id)) for one in columns])
    return Entry(person, groups=list(words.groups(person, here, found)))


def _ways(filters: Filters, user: str = "") -> dict[str, str]:
    """To the pages beside this one."""
    export = frame.query(team=filters.team, project=filters.project, user=user)
    return {
        "export": reverse("admin:access_export") + export,
        "explain": reverse("admin:access_explain") + frame.query(user=user),
        "simulate": reverse("admin:access_simulate"),
    }


def _of_one(request: HttpRequest, selection: Selection, filters: Filters) -> HttpResponse:
    """Each project with its way, and the link that explains it."""
    here = places(selection)
    [person] = these(selection, [selection.user or 0])
    found = [
        (here.projects[project], path)
        for project, path in paths(person, here).items()
        if filters.passes(path)
    ]
    lines = [(one, words.role_of(path), words.VIAS[path.via], path.chats) for one, path in found]
    context = {
        "title": person.email,
        "crumb": person.email,
        "person": person,
        "filters": filters,
        "lines": lines[:MOST],
        "left_out": max(0, len(lines) - MOST),
        "count": len(lines),
        **_ways(filters, person.email),
    }
    return frame.shown(request, "person.html", context)


def export(request: HttpRequest) -> HttpResponse:
    """To the file, which is given to who proved lately who they are; whoever did not is asked on the way."""
    frame.whole(request)
    fresh.require(request)
    wanted = {name: request.GET.get(name, "") for name in ("team", "user", "project")}
    return redirect(reverse("access-matrix") + frame.query(**wanted, format="csv"))
