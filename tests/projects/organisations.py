"""Random organisations for properties: drawn as plain values, built as rows, and changed at random."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from accounts.actions import create_key
from accounts.models import User
from portal.actions import ensure_offline_model
from portal.models import Model
from projects.models import Project, ProjectMember
from teams import groups
from teams.models import CustomRole, Grant, Group, GroupMapping, Membership, Team, TeamArchive

ROLES = ("owner", "admin", "member", "viewer")
KINDS = ("plain", "plain", "plain", "admin", "auditor", "restricted", "both")
FLAGS: dict[str, dict[str, bool]] = {
    "plain": {},
    "admin": {"is_superuser": True},
    "auditor": {"is_auditor": True},
    "restricted": {"is_restricted": True},
    "both": {"is_superuser": True, "is_auditor": True},
}
ALWAYS_ALLOWED = {"rate_limit_per_minute": 1_000_000}


def _mostly(value: bool) -> st.SearchStrategy[bool]:
    return st.sampled_from([value, value, value, not value])


@st.composite
def organisations(draw: Any) -> dict[str, Any]:
    """What an organisation is like: people 0…, teams 0…, projects 0…, groups 0…, and how they hang together."""
    people = draw(
        st.lists(st.tuples(st.sampled_from(KINDS), _mostly(True)), min_size=2, max_size=4)
    )
    teams = draw(st.lists(_mostly(False), min_size=1, max_size=2))  # archived
    projects = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "team": st.integers(0, len(teams) - 1),
                    "public": st.booleans(),
                    "is_active": _mostly(True),
                    "archived": _mostly(False),
                    "model": st.sampled_from(["good", "good", "off"]),
                }
            ),
            min_size=1,
            max_size=4,
        )
    )
    person, team = st.integers(0, len(people) - 1), st.integers(0, len(teams) - 1)
    role = st.tuples(st.sampled_from([*ROLES, "member", "viewer"]), st.booleans())
    return {
        "people": people,
        "teams": teams,
        "projects": projects,
        "memberships": draw(st.dictionaries(st.tuples(person, team), role, max_size=6)),
        "assignments": draw(
            st.sets(st.tuples(st.integers(0, len(projects) - 1), person), max_size=5)
        ),
        "withdrawn": draw(st.sets(st.tuples(team, st.sampled_from(["good", "off"])), max_size=1)),
        "groups": draw(
            st.lists(
                st.tuples(
                    st.sets(person, max_size=2),
                    st.dictionaries(team, st.sampled_from(ROLES[1:]), max_size=2),
                ),
                max_size=2,
            )
        ),
    }


@dataclass
class Organisation:
    people: list[User] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    teams: list[Team] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    models: dict[str, Model] = field(default_factory=dict)
    looker: User | None = None  # a platform admin who is in nothing, and looks at the matrix


def build(drawn: dict[str, Any]) -> Organisation:
    made = Organisation()
    good = ensure_offline_model()
    off = Model.objects.create(provider=good.provider, name="off", is_active=False)
    made.models = {"good": good, "off": off}
    made.looker = User.objects.create(email="looker@example.com", is_superuser=True)
    for number, (kind, _active) in enumerate(drawn["people"]):
        made.people.append(_person(made, f"p{number}@example.com", FLAGS[kind]))
    for number, _archived in enumerate(drawn["teams"]):
        made.teams.append(Team.objects.create(slug=f"team{number}", name=f"Team {number}"))
    _people_in_teams(drawn, made)
    _projects(drawn, made)
    for number, archived in enumerate(drawn["teams"]):
        if archived:
            TeamArchive.objects.create(team=made.teams[number])
    for person, (_kind, is_active) in zip(made.people, drawn["people"], strict=True):
        User.objects.filter(pk=person.pk).update(is_active=is_active)
        person.refresh_from_db()
    return made


def _person(made: Organisation, email: str, flags: dict[str, bool]) -> User:
    """With a key, which those who are restricted made before they were."""
    person = User.objects.create(email=email)
    made.keys[person.pk] = create_key(
        by=person, user=person, name="test", requests_per_second=1000
    )[1]
    for name, value in flags.items():
        setattr(person, name, value)
    person.save()
    return person


def own_role(team: Team, base: str) -> CustomRole:
    return CustomRole.objects.get_or_create(team=team, name=f"Own {base}", base=base)[0]


def _people_in_teams(drawn: dict[str, Any], made: Organisation) -> None:
    for (person, number), (role, has_own) in drawn["memberships"].items():
        team = made.teams[number]
        own = own_role(team, role) if has_own and role != "owner" else None
        Membership.objects.create(team=team, user=made.people[person], role=role, custom_role=own)
    for number, (members, mappings) in enumerate(drawn["groups"]):
        group = Group.objects.create(name=f"group{number}")
        made.groups.append(group)
        for team, role in mappings.items():
            GroupMapping.objects.create(group=group, team=made.teams[team], role=role)
        people = [made.people[person] for person in sorted(members)]
        groups.set_members_of(by=made.looker, group=group, users=people)


def _projects(drawn: dict[str, Any], made: Organisation) -> None:
    for team in made.teams:
        for model in made.models.values():
            Grant.objects.create(team=team, model=model)
    for number, wanted in enumerate(drawn["projects"]):
        made.projects.append(
            Project.objects.create(
                slug=f"project{number}",
                name=f"Project {number}",
                team=made.teams[wanted["team"]],
                model=made.models[wanted["model"]],
                visibility="public" if wanted["public"] else "private",
                is_active=wanted["is_active"],
                **ALWAYS_ALLOWED,
            )
        )
    for project, person in sorted(drawn["assignments"]):
        ProjectMember.objects.create(project=made.projects[project], user=made.people[person])
    for team, model in sorted(drawn["withdrawn"]):
        Grant.objects.filter(team=made.teams[team], model=made.models[model]).delete()
    for project, wanted in zip(made.projects, drawn["projects"], strict=True):
        if wanted["archived"]:
            Project.objects.filter(pk=project.pk).update(archived_at=project.created_at)
