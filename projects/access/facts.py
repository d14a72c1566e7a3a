"""What decides who reaches what, as plain values: they know no database, and are safe to keep and to change in thought."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Standing:
    """A membership: in which team, as what. `custom_role` is the name of the team's own role, or empty."""

    team: int
    role: str
    custom_role: str = ""
    from_groups: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """An account, the teams it is in, and the ids of the projects that it is explicitly assigned to."""

    id: int
    email: str
    is_active: bool = True
    is_superuser: bool = False
    is_auditor: bool = False
    is_restricted: bool = False
    standings: tuple[Standing, ...] = ()
    assigned: frozenset[int] = field(default=frozenset())

    def standing_in(self, team: int) -> Standing | None:
        return next((one for one in self.standings if one.team == team), None)


@dataclass(frozen=True, slots=True)
class TeamFact:
    id: int
    slug: str
    name: str
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class ProjectFact:
    """`is_ready`: its model and provider are switched on, and the team's regions allow the provider."""

    id: int
    slug: str
    name: str
    team: int
    team_slug: str
    visibility: str
    model: int = 0
    is_active: bool = True
    is_archived: bool = False
    is_granted: bool = True
    is_ready: bool = True

    @property
    def is_open(self) -> bool:
        """Whether it answers at all, whoever asks."""
        return self.is_active and self.is_granted and self.is_ready


Projects = tuple[ProjectFact, ...]


@dataclass(frozen=True, slots=True)
class TeamProjects:
    """A team's projects that are not archived, by slug; the tuples are shared by all who reach them."""

    all: Projects = ()
    public: Projects = ()
    private: Projects = ()


_NONE = TeamProjects()


class Places:
    """Teams and projects, and what of them can be reached: nothing that is archived, or in an archived team."""

    def __init__(self, *, teams: Iterable[TeamFact], projects: Iterable[ProjectFact]) -> None:
        self.teams = {team.id: team for team in teams}
        self.projects = {project.id: project for project in projects}

    @cached_property
    def live(self) -> Projects:
        """All that can be reached, by team and slug."""
        kept = [
            project
            for project in self.projects.values()
            if not project.is_archived
            and project.team in self.teams
            and not self.teams[project.team].is_archived
        ]
        return tuple(sorted(kept, key=lambda project: (project.team_slug, project.slug)))

    @cached_property
    def _by_team(self) -> dict[int, TeamProjects]:
        groups: dict[int, list[ProjectFact]] = {}
        for project in self.live:
            groups.setdefault(project.team, []).append(project)
        return {
            team: TeamProjects(
                all=tuple(group),
                public=tuple(one for one in group if one.visibility == PUBLIC),
                private=tuple(one for one in group if one.visibility != PUBLIC),
            )
            for team, group in groups.items()
        }

    @cached_property
    def live_ids(self) -> frozenset[int]:
        return frozenset(project.id for project in self.live)

    def of_team(self, team: int) -> TeamProjects:
        return self._by_team.get(team, _NONE)

    def assigned_to(self, person: Person) -> dict[int, Projects]:
        """By team, what somebody is assigned to of all that can be reached; by slug."""
        groups: dict[int, list[ProjectFact]] = {}
        for key in person.assigned & self.live_ids:
            project = self.projects[key]
            groups.setdefault(project.team, []).append(project)
        return {
            team: tuple(sorted(group, key=lambda project: project.slug))
            for team, group in groups.items()
        }
