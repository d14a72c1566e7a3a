"""Why somebody reaches a project, or does not: each fact that decides, in plain words, in the order in which they count."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import second_factor
from accounts.models import User
from portal.models import Model
from portal.platform_settings import value
from portal.regions import regions_of
from projects import rules
from projects.access import reaches
from projects.access.facts import PUBLIC, Person, Places, ProjectFact, Standing
from projects.access.loading import WHERE, Selection, computes_in, places, these
from projects.access.reaches import Path
from projects.models import Project
from teams.models import GroupMapping, Team
from teams.roles import ROLES_THAT_ADMINISTER, ROLES_THAT_CHAT, Role


@dataclass(frozen=True, slots=True)
class Explanation:
    """`path` is None where there is no row in the matrix. `is_open`: whether the project answers at all."""

    person: Person
    project: ProjectFact
    path: Path | None
    is_open: bool
    because: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        path = self.path
        return {
            "allowed": path is not None,
            "role": path.role if path else None,
            "custom_role": (path.custom_role or None) if path else None,
            "via": path.via if path else None,
            "chats": bool(path and path.chats),
            "open": self.is_open,
            "because": list(self.because),
        }


@dataclass(frozen=True, slots=True)
class Details:
    """What decides beside the facts of the matrix: whether the project answers, and from where it is used."""

    groups: tuple[str, ...] = ()
    model: str = ""
    is_for_chat: bool = True
    model_is_active: bool = True
    provider: str = ""
    provider_is_active: bool = True
    allowed_regions: str = ""
    is_in_region: bool = True
    allowed_addresses: str = ""
    must_have_second_factor: bool = False
    has_second_factor: bool = False


def explain(*, by: Any, selection: Selection) -> Explanation:
    """Of a selection that names a person and a project; a number of queries that never grows.

    What else decides is told as far as `by` sees it elsewhere: the team's addresses and second factor to those whose
    role views its settings, who is in which group to those who see all.
    """
    if selection.user is None or selection.project is None:
        raise ValueError("A person and a project are explained, and neither alone.")
    here = places(selection)
    # The project would narrow the people to its team's.
    [person] = these(replace(selection, project=None), [selection.user])
    project = here.projects[selection.project]
    details = _details(by, selection, person, project)
    path = reaches.path_to(person, here, project.id)
    return Explanation(
        person=person,
        project=project,
        path=path,
        is_open=project.is_open and project in here.live,
        because=tuple(map(str, sentences(person, project, here, path, details))),
    )


def _details(by: Any, selection: Selection, person: Person, project: ProjectFact) -> Details:
    row = Project.objects.values(
        *(
            "model__name",
            "model__kind",
            "model__is_active",
            "model__provider__name",
            "model__provider__is_active",
        ),
        *WHERE,
    ).get(pk=project.id)
    team = Team.objects.get(pk=project.team)
    sees_doors = by.has_perm("teams.view_team", team)
    standing = second_factor.standing_now(User(pk=person.id))
    return Details(
        groups=_groups(person, project.team) if selection.sees_all else (),
        model=row["model__name"],
        is_for_chat=row["model__kind"] == Model.Kind.CHAT,
        model_is_active=row["model__is_active"],
        provider=row["model__provider__name"],
        provider_is_active=row["model__provider__is_active"],
        allowed_regions=row["team__allowed_regions"],
        is_in_region=computes_in(row),
        allowed_addresses=team.allowed_addresses if sees_doors else "",
        must_have_second_factor=bool(value("second_factor_required"))
        or (standing.must if selection.sees_all else sees_doors and _demands(team, person)),
        has_second_factor=standing.has,
    )


def _demands(team: Team, person: Person) -> bool:
    """What other teams demand of them is not this one's to know."""
    return team.second_factor_required and person.standing_in(team.pk) is not None


def _groups(person: Person, team: int) -> tuple[str, ...]:
    rows = GroupMapping.objects.filter(team_id=team, group__members__user_id=person.id)
    return tuple(str(row.group) for row in rows.select_related("group").order_by("group__name"))


def sentences(
    person: Person, project: ProjectFact, here: Places, path: Path | None, details: Details
) -> Iterator[str]:
    yield from _of_the_account(person)
    if not person.is_active:
        yield _("So %(who)s does not reach it.") % {"who": person.email}
        return
    standing = person.standing_in(project.team)
    if not person.is_superuser:
        yield from _of_the_team(person, project, here, standing, details)
    yield from _of_the_project(project, here)
    if not person.is_superuser:
        yield from _of_the_assignment(person, project, standing)
    yield _conclusion(person, path)
    if path is not None:
        yield from _right_now(person, project, details)


def _of_the_account(person: Person) -> Iterator[str]:
    who = {"who": person.email}
    if not person.is_active:
        yield _("The account of %(who)s is deactivated; it reaches nothing.") % who
        return
    yield _("The account of %(who)s is active.") % who
    if person.is_superuser:
        yield _("%(who)s is a platform admin, who reaches every project.") % who
    if person.is_auditor:
        yield _("%(who)s is an auditor: they read what there is, which is no access.") % who
    if person.is_restricted:
        yield (
            _("%(who)s is restricted: only explicit assignments count, whatever their role.") % who
        )


def _of_the_team(
    person: Person,
    project: ProjectFact,
    here: Places,
    standing: Standing | None,
    details: Details,
) -> Iterator[str]:
    who, team = person.email, here.teams[project.team].name
    if standing is None:
        yield _("%(who)s is not in the team %(team)s.") % {"who": who, "team": team}
        return
    role = Role(standing.role).label
    if standing.custom_role:
        words = _("%(who)s is in the team %(team)s as %(role)s, in its own role “%(own)s”.")
        yield words % {"who": who, "team": team, "role": role, "own": standing.custom_role}
    else:
        words = _("%(who)s is in the team %(team)s as %(role)s.")
        yield words % {"who": who, "team": team, "role": role}
    if standing.from_groups and details.groups:
        yield _("Groups gave this role: %(groups)s.") % {"groups": ", ".join(details.groups)}
    if not person.is_restricted:
        yield _WHAT_A_ROLE_SEES[standing.role]


_WHAT_A_ROLE_SEES = {
    "owner": _("Owners reach all projects of their team."),
    "admin": _("Admins reach all projects of their team."),
    "member": _("Members reach its public projects, and private ones they are assigned to."),
    "viewer": _("Viewers see all projects of their team, and chat in none."),
}


def _of_the_project(project: ProjectFact, here: Places) -> Iterator[str]:
    names = {"project": project.name, "team": here.teams[project.team].name}
    if here.teams[project.team].is_archived:
        yield _("The team %(team)s is archived; nobody reaches its projects.") % names
    if project.is_archived:
        yield _("The project %(project)s is archived; nobody reaches it.") % names
    if project.visibility == PUBLIC:
        yield _("The project %(project)s is public in the team %(team)s.") % names
    else:
        yield _("The project %(project)s is private.") % names


def _of_the_assignment(
    person: Person, project: ProjectFact, standing: Standing | None
) -> Iterator[str]:
    who = {"who": person.email}
    if project.id in person.assigned:
        yield _("%(who)s is assigned to it.") % who
        if standing is None:
            yield _("An assignment counts only while they are in its team.")
        elif standing.role not in ROLES_THAT_CHAT:
            yield _("An assignment counts only in a role that chats, which viewers have not.")
    elif standing is not None and (
        person.is_restricted or standing.role not in (*ROLES_THAT_ADMINISTER, "viewer")
    ):
        yield _("%(who)s is not assigned to it.") % who


def _conclusion(person: Person, path: Path | None) -> str:
    who = {"who": person.email}
    if path is None:
        return _("So %(who)s does not reach it.") % who
    if not path.chats:
        return _("So %(who)s sees it as a viewer of its team, and may not chat in it.") % who
    return _CONCLUSIONS[path.via] % who


_CONCLUSIONS = {
    reaches.PLATFORM_ADMIN: _("So %(who)s reaches it and may chat in it, as a platform admin."),
    reaches.TEAM_ADMIN: _(
        "So %(who)s reaches it and may chat in it, as one who administers its team."
    ),
    reaches.MEMBER: _("So %(who)s reaches it and may chat in it, by being assigned to it."),
    reaches.PUBLIC: _(
        "So %(who)s reaches it and may chat in it, because it is public in their team."
    ),
}


def _right_now(person: Person, project: ProjectFact, details: Details) -> Iterator[str]:
    """Whether a question would be answered: of no weight for the row, but what people ask next."""
    hindrances = list(_hindrances(project, details))
    yield from hindrances
    if hindrances:
        yield _("So nobody can ask it right now.")
    if not details.is_for_chat:
        yield rules.NO_CHAT
    if details.allowed_addresses:
        words = _("It is used from these addresses only: %(listed)s.")
        yield words % {"listed": details.allowed_addresses}
    if details.must_have_second_factor and not details.has_second_factor:
        words = _("%(who)s must set up a second factor when they sign in next, and has none yet.")
        yield words % {"who": person.email}
    elif details.must_have_second_factor:
        yield _("%(who)s signs in with a second factor, as is demanded.") % {"who": person.email}


def _hindrances(project: ProjectFact, details: Details) -> Iterator[str]:
    names = {"model": details.model, "provider": details.provider}
    if not project.is_active:
        yield _("The project is switched off.")
    if not project.is_granted:
        yield _("Its team is not granted the model %(model)s.") % names
    if not details.model_is_active:
        yield _("The model %(model)s is switched off.") % names
    if not details.provider_is_active:
        yield _("The provider %(provider)s is switched off.") % names
    if not details.is_in_region:
        listed = ", ".join(regions_of(details.allowed_regions))
        words = _("The team's regions (%(listed)s) do not allow the provider %(provider)s.")
        yield words % {**names, "listed": listed}
