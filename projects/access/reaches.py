"""The rule: what a person reaches, as what, on which path, and whether they may chat there. Decision 21.

One row per person and project, on the strongest path: platform admin, team admin, explicit member, public in the team,
viewer. `ProjectQuerySet.visible_to` and `chattable_by` say the same to the database; a property test holds them together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from projects.access.facts import Person, Places, ProjectFact, Projects, Standing
from teams.roles import ROLES_THAT_ADMINISTER, ROLES_THAT_CHAT

PLATFORM_ADMIN, TEAM_ADMIN, MEMBER = "platform-admin", "team-admin", "member"
PUBLIC, TEAM_VIEWER = "public", "team-viewer"


class Path(NamedTuple):
    """As what, through what, and whether one may chat: the same for all projects of a reach."""

    role: str
    via: str
    chats: bool
    custom_role: str = ""


class Row(NamedTuple):
    """A cell of the matrix with access in it. `open`: whether the project answers at all, whoever asks."""

    user: int
    email: str
    project: str
    team: str
    role: str
    via: str
    chats: bool
    custom_role: str = ""
    open: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """Projects that somebody reaches on one path. `projects` is shared with all others who do, so nobody copies it."""

    path: Path
    projects: Projects
    without: frozenset[int] = field(default=frozenset())  # reached on a stronger path

    @property
    def is_shared(self) -> bool:
        """Whether it is the whole of a tuple that lives as long as the places do."""
        return not self.without and self.path.via != MEMBER

    def __iter__(self) -> Iterator[ProjectFact]:
        if not self.without:
            return iter(self.projects)
        return (project for project in self.projects if project.id not in self.without)

    def __len__(self) -> int:
        """`without` names projects of this reach only."""
        return len(self.projects) - len(self.without)


def reaches(person: Person, places: Places) -> Sequence[Reach]:
    """All that this person reaches, each project once. What an auditor reads is no access."""
    if not person.is_active:
        return ()
    if person.is_superuser:
        found = [Reach(Path(PLATFORM_ADMIN, PLATFORM_ADMIN, True), places.live)]
    else:
        assigned = places.assigned_to(person)
        found = [
            reach
            for standing in person.standings
            for reach in _in_team(person, standing, places, assigned.get(standing.team, ()))
        ]
    return [reach for reach in found if len(reach)]


def _in_team(
    person: Person, standing: Standing, places: Places, assigned: Projects
) -> Iterator[Reach]:
    team = places.of_team(standing.team)
    role, custom = standing.role, standing.custom_role
    if person.is_restricted:
        if role in ROLES_THAT_CHAT:
            yield Reach(Path(MEMBER, MEMBER, True), assigned)
    elif role in ROLES_THAT_ADMINISTER:
        yield Reach(Path(role, TEAM_ADMIN, True, custom), team.all)
    elif role in ROLES_THAT_CHAT:
        yield Reach(Path(role, MEMBER, True, custom), assigned)
        both = frozenset(one.id for one in assigned if one.visibility == PUBLIC)
        yield Reach(Path(role, PUBLIC, True, custom), team.public, without=both)
    else:
        yield Reach(Path(role, PUBLIC, False, custom), team.public)
        yield Reach(Path(role, TEAM_VIEWER, False, custom), team.private)


def paths(person: Person, places: Places) -> dict[int, Path]:
    """By project id, how this person reaches it."""
    return {project.id: reach.path for reach in reaches(person, places) for project in reach}


def path_to(person: Person, places: Places, project: int) -> Path | None:
    """How this person reaches that one project; None if they do not."""
    return paths(person, places).get(project)


def rows(person: Person, places: Places) -> Iterator[Row]:
    """This person's lines of the matrix."""
    for reach in reaches(person, places):
        for project in reach:
            yield row(person, project, reach.path)


def row(person: Person, project: ProjectFact, path: Path) -> Row:
    return Row(
        user=person.id,
        email=person.email,
        project=project.slug,
        team=project.team_slug,
        role=path.role,
        via=path.via,
        chats=path.chats,
        custom_role=path.custom_role,
        open=project.is_open,
    )
