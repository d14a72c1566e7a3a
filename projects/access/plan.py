"""Changes in thought: what they make of teams and projects, and of a person. Nothing is written, nothing is locked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from projects.access.changes import Change
from projects.access.facts import Person, Places, ProjectFact, Standing, TeamFact
from teams.groups import given
from teams.models import CustomRole, GroupMapping
from teams.roles import Role

Mappings = Mapping[int, tuple[GroupMapping, ...]]  # by group


@dataclass
class Thought:
    """A person as the changes make them; `groups` are those they are in."""

    person: Person
    groups: frozenset[int] = field(default=frozenset())


Deed = Callable[[Thought], None]


@dataclass(frozen=True, slots=True)
class Names:
    """What the changes name, as far as the caller sees it."""

    people: Mapping[str, int]
    teams: Mapping[str, TeamFact]
    projects: Mapping[str, ProjectFact]
    models: frozenset[int]
    groups: frozenset[int]
    custom_roles: Mapping[tuple[int, str], CustomRole]


class Plan:
    """The changes, one after the other. `users`, `teams` and `groups` are whom they touch."""

    def __init__(self, *, here: Places, names: Names, mappings: Mappings) -> None:
        self._names, self._mappings = names, dict(mappings)
        self._teams, self._projects = dict(here.teams), dict(here.projects)
        self._deeds: list[Deed] = []
        self.users: set[int] = set()
        self.teams: set[int] = set()
        self.groups: set[int] = set()

    def take(self, change: Change) -> None:
        getattr(self, f"_{change.op}")(change)

    def places(self) -> Places:
        return Places(teams=self._teams.values(), projects=self._projects.values())

    def person(self, person: Person, groups: Iterable[int]) -> Person:
        """What becomes of this person."""
        thought = Thought(person, frozenset(groups))
        for deed in self._deeds:
            deed(thought)
        return thought.person

    # -- names ---------------------------------------------------------------------------------------------------

    def _user(self, change: Change) -> int:
        key = self._names.people.get(change["user"].strip().lower())
        if key is None:
            raise change.missing("user")
        self.users.add(key)
        return key

    def _team(self, change: Change) -> TeamFact:
        team = self._names.teams.get(change["team"])
        if team is None:
            raise change.missing("team")
        return team

    def _project(self, change: Change) -> ProjectFact:
        project = self._names.projects.get(change["project"])
        if project is None:
            raise change.missing("project")
        return self._projects[project.id]

    def _model(self, change: Change) -> int:
        if change["model"] not in self._names.models:
            raise change.missing("model")
        return change["model"]

    def _group(self, change: Change) -> int:
        if change["group"] not in self._names.groups:
            raise change.missing("group")
        return change["group"]

    def _role(self, change: Change, team: int, *, below_owner: bool = False) -> tuple[str, Any]:
        """The role, and the custom one that stands on it or None."""
        own = None
        if change["custom_role"]:
            own = self._names.custom_roles.get((team, change["custom_role"]))
            if own is None or (change["role"] or own.base) != own.base:
                words = _("This role is another team's, or has another base.")
                raise change.refusal("custom_role", words)
        role = str(own.base if own else change["role"] or Role.MEMBER)
        if below_owner and role == Role.OWNER:
            raise change.refusal("role", _("Groups make no owners."))
        return role, own

    # -- people --------------------------------------------------------------------------------------------------

    def _of(self, user: int, deed: Callable[[Person], Person]) -> None:
        def act(thought: Thought) -> None:
            if thought.person.id == user:
                thought.person = deed(thought.person)

        self._deeds.append(act)

    def _add_member(self, change: Change) -> None:
        team = self._team(change).id
        role, own = self._role(change, team)
        standing = Standing(team, role, own.name if own else "")

        def deed(person: Person) -> Person:
            if person.standing_in(team) is not None:
                raise change.refusal("user", _("They are in the team already."))
            return with_standing(person, standing)

        self._of(self._user(change), deed)

    def _remove_member(self, change: Change) -> None:
        team = self._team(change).id
        self._of(self._user(change), lambda person: self._leave(_in(change, person, team), team))

    def _leave(self, person: Person, team: int) -> Person:
        """Assignments go with the membership, and do not come back with the person."""
        kept = frozenset(
            key
            for key in person.assigned
            if key not in self._projects or self._projects[key].team != team
        )
        return replace(person, standings=_others(person, team), assigned=kept)

    def _change_role(self, change: Change) -> None:
        team = self._team(change).id
        role, own = self._role(change, team)

        def deed(person: Person) -> Person:
            """What groups gave is somebody's own from then on."""
            new = Standing(team, role, own.name if own else "")
            held = _in(change, person, team).standing_in(team)
            same = held is not None and replace(held, from_groups=False) == new
            return person if same else with_standing(person, new)

        self._of(self._user(change), deed)

    def _assign(self, change: Change) -> None:
        key = self._project(change).id
        self._of(
            self._user(change), lambda person: replace(person, assigned=person.assigned | {key})
        )

    def _unassign(self, change: Change) -> None:
        key = self._project(change).id
        self._of(
            self._user(change), lambda person: replace(person, assigned=person.assigned - {key})
        )

    def _restrict(self, change: Change) -> None:
        def deed(person: Person) -> Person:
            if person.is_superuser or person.is_auditor:
                raise change.refusal("user", _("Platform admins and auditors are not restricted."))
            return replace(person, is_restricted=True)

        self._of(self._user(change), deed)

    def _unrestrict(self, change: Change) -> None:
        self._of(self._user(change), lambda person: replace(person, is_restricted=False))

    def _activate(self, change: Change) -> None:
        self._of(self._user(change), lambda person: replace(person, is_active=True))

    def _deactivate(self, change: Change) -> None:
        self._of(self._user(change), lambda person: replace(person, is_active=False))

    # -- groups --------------------------------------------------------------------------------------------------

    def _add_to_group(self, change: Change) -> None:
        group = self._group(change)
        self._regroup(self._user(change), lambda groups: groups | {group})

    def _remove_from_group(self, change: Change) -> None:
        group = self._group(change)
        self._regroup(self._user(change), lambda groups: groups - {group})

    def _regroup(self, user: int, deed: Callable[[frozenset[int]], frozenset[int]]) -> None:
        mappings = dict(self._mappings)

        def act(thought: Thought) -> None:
            if thought.person.id == user:
                thought.groups = deed(thought.groups)
                self._follow(thought, mappings)

        self._deeds.append(act)

    def _map_group(self, change: Change) -> None:
        group, team = self._group(change), self._team(change).id
        role, own = self._role(change, team, below_owner=True)
        mapping = GroupMapping(group_id=group, team_id=team, role=role, custom_role=own)
        self._remap(group, team, mapping)

    def _unmap_group(self, change: Change) -> None:
        group, team = self._group(change), self._team(change).id
        if not any(one.team_id == team for one in self._mappings.get(group, ())):
            raise change.refusal("group", _("It is not mapped to this team."))
        self._remap(group, team, None)

    def _remap(self, group: int, team: int, mapping: GroupMapping | None) -> None:
        old = self._mappings.get(group, ())
        before = next((one for one in old if one.team_id == team), None)
        if mapping is not None and before is not None:
            mapping.pk = before.pk  # of equal mappings the older one counts
        kept = tuple(one for one in old if one.team_id != team)
        self._mappings[group] = kept if mapping is None else (*kept, mapping)
        self.groups.add(group)
        mappings = dict(self._mappings)

        def act(thought: Thought) -> None:
            if group in thought.groups:
                self._follow(thought, mappings)

        self._deeds.append(act)

    def _follow(self, thought: Thought, mappings: Mappings) -> None:
        """Makes the standings what the groups give, as `teams.groups` does; what was made by hand is never touched."""
        wanted = given(one for group in thought.groups for one in mappings.get(group, ()))
        for standing in thought.person.standings:
            if standing.from_groups and standing.team not in wanted:
                thought.person = self._leave(thought.person, standing.team)
        for team, mapping in wanted.items():
            held = thought.person.standing_in(team)
            if held is None or held.from_groups:
                own = mapping.custom_role
                standing = Standing(team, mapping.role, own.name if own else "", from_groups=True)
                thought.person = with_standing(thought.person, standing)

    # -- places --------------------------------------------------------------------------------------------------

    def _set_visibility(self, change: Change) -> None:
        self._replace(self._project(change), visibility=change["visibility"])

    def _archive_project(self, change: Change) -> None:
        self._replace(self._project(change), is_archived=True)

    def _archive_team(self, change: Change) -> None:
        team = self._team(change)
        self.teams.add(team.id)
        self._teams[team.id] = replace(team, is_archived=True)

    def _grant(self, change: Change) -> None:
        self._granted(change, True)

    def _withdraw(self, change: Change) -> None:
        self._granted(change, False)

    def _granted(self, change: Change, granted: bool) -> None:
        team, model = self._team(change).id, self._model(change)
        for project in list(self._projects.values()):
            if project.team == team and project.model == model:
                self._replace(project, is_granted=granted)

    def _replace(self, project: ProjectFact, **values: Any) -> None:
        self.teams.add(project.team)
        self._projects[project.id] = replace(project, **values)


def _in(change: Change, person: Person, team: int) -> Person:
    if person.standing_in(team) is None:
        raise change.refusal("user", _("They are not in the team."))
    return person


def _others(person: Person, team: int) -> tuple[Standing, ...]:
    return tuple(one for one in person.standings if one.team != team)


def with_standing(person: Person, standing: Standing) -> Person:
    """The same person with this standing in its team, instead of the one they had."""
    both = sorted((*_others(person, standing.team), standing), key=lambda one: one.team)
    return replace(person, standings=tuple(both))
