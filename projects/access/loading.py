"""Reading the facts from the database: what somebody may see of them, in a number of queries that never grows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from sys import intern
from typing import Any, Self

from django.db.models import Q, QuerySet

from accounts.models import User
from portal.errors import Refusal
from portal.models import Provider
from projects.access.facts import Person, Places, ProjectFact, Standing, TeamFact
from projects.models import Project, ProjectMember
from teams.models import Grant, Membership, Team, TeamArchive

PERMISSION = "projects.view_access"
WHERE = ("model__provider__kind", "model__provider__region", "team__allowed_regions")
CHUNK = 200  # people whose facts are in memory at a time


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the matrix: of some teams only, where `teams` says so; of one person or project.

    Where teams are named, only people who are in them are shown, and only what these teams give.
    """

    teams: frozenset[int] | None = None
    team: int | None = None
    user: int | None = None
    project: int | None = None

    @classmethod
    def everything(cls) -> Self:
        """For what acts for the whole portal, as the nightly snapshot does."""
        return cls()

    @classmethod
    def of(cls, by: Any, *, team: str = "", user: str = "", project: str = "") -> Self:
        """What `by` may see of the matrix, narrowed to a team, a person and a project, by slug and e-mail.

        Platform admins and auditors see all of it, owners and team admins their teams; `permission_denied` for others,
        `not_found` for what they do not see.
        """
        return cls(teams=_teams_of(by)).narrowed(team=team, user=user, project=project)

    def narrowed(self, *, team: str = "", user: str = "", project: str = "") -> Self:
        """The same part, of these alone; raises `not_found` for what is not in it."""
        return replace(
            self,
            team=_one(self.team_rows().filter(slug=team)) if team else None,
            user=_one(self.accounts().filter(email=user.strip().lower())) if user else None,
            project=_one(self.project_rows().filter(slug=project)) if project else None,
        )

    @property
    def sees_all(self) -> bool:
        return self.teams is None

    def holds(self, part: Self) -> bool:
        """Whether all teams of this part are seen here."""
        return self.teams is None or (part.teams is not None and part.teams <= self.teams)

    def team_rows(self) -> QuerySet:
        rows = Team.objects.order_by("slug")
        if self.teams is not None:
            rows = rows.filter(pk__in=self.teams)
        return rows if self.team is None else rows.filter(pk=self.team)

    def project_rows(self) -> QuerySet:
        rows = Project.objects.order_by("slug")
        if self.teams is not None:
            rows = rows.filter(team_id__in=self.teams)
        if self.team is not None:
            rows = rows.filter(team_id=self.team)
        return rows if self.project is None else rows.filter(pk=self.project)

    def accounts(self) -> QuerySet:
        """The people of this part, by id: those in its teams, and who reaches everything anyway."""
        rows = User.objects.order_by("pk")
        if self.teams is not None:
            rows = rows.filter(pk__in=in_teams(team_id__in=self.teams))
        if self.team is not None:
            rows = rows.filter(Q(is_superuser=True) | Q(pk__in=in_teams(team_id=self.team)))
        if self.project is not None:
            team = Project.objects.filter(pk=self.project).values("team_id")
            rows = rows.filter(Q(is_superuser=True) | Q(pk__in=in_teams(team_id__in=team)))
        return rows if self.user is None else rows.filter(pk=self.user)


def _teams_of(by: Any) -> frozenset[int] | None:
    """The teams whose access `by` may see; None for all there are."""
    if not by.has_perm(PERMISSION):
        raise Refusal("permission_denied")
    if by.is_superuser or by.is_auditor:
        return None
    return frozenset(
        team.pk for team in Team.objects.visible_to(by) if by.has_perm(PERMISSION, team)
    )


def _one(rows: QuerySet) -> int:
    key = rows.values_list("pk", flat=True).first()
    if key is None:
        raise Refusal("not_found")
    return key


def in_teams(**which: Any) -> QuerySet:
    """Ids of the people who are in teams of this description, as a subquery."""
    return Membership.objects.order_by().filter(**which).values("user_id")


def places(selection: Selection) -> Places:
    """Teams and projects of this part; four queries."""
    return Places(teams=_team_facts(selection), projects=_project_facts(selection))


def _team_facts(selection: Selection) -> Iterator[TeamFact]:
    archived = set(TeamArchive.objects.values_list("team_id", flat=True))
    for key, slug, name in selection.team_rows().values_list("pk", "slug", "name"):
        yield TeamFact(key, intern(slug), name, is_archived=key in archived)


def _project_facts(selection: Selection) -> Iterator[ProjectFact]:
    projects = selection.project_rows()
    granted = set(
        Grant.objects.order_by()
        .filter(team_id__in=projects.order_by().values("team_id"))
        .values_list("team_id", "model_id")
    )
    for row in projects.values(
        *("pk", "slug", "name", "team_id", "team__slug", "visibility", "model_id", "is_active"),
        *("archived_at", "model__is_active", "model__provider__is_active"),
        *WHERE,
    ):
        yield ProjectFact(
            id=row["pk"],
            slug=row["slug"],
            name=row["name"],
            team=row["team_id"],
            team_slug=intern(row["team__slug"]),
            visibility=intern(row["visibility"]),
            model=row["model_id"],
            is_active=row["is_active"],
            is_archived=row["archived_at"] is not None,
            is_granted=(row["team_id"], row["model_id"]) in granted,
            is_ready=row["model__is_active"]
            and row["model__provider__is_active"]
            and computes_in(row),
        )


def computes_in(row: Mapping[str, Any]) -> bool:
    """Whether the team's regions allow the provider; of the columns in `WHERE`."""
    provider = Provider(kind=row["model__provider__kind"], region=row["model__provider__region"])
    return provider.computes_in(row["team__allowed_regions"])


def people(selection: Selection, *, after: int = 0, limit: int = CHUNK) -> list[Person]:
    """The next people of this part by id, with their facts; three queries."""
    accounts = selection.accounts().filter(pk__gt=after).order_by("pk")[:limit]
    return with_facts(selection, accounts)


def these(selection: Selection, ids: Iterable[int]) -> list[Person]:
    """Those of these people who are in this part, by id; three queries."""
    return with_facts(selection, selection.accounts().filter(pk__in=list(ids)).order_by("pk"))


def in_chunks(
    selection: Selection, accounts: QuerySet | None = None, *, after: int = 0, size: int = CHUNK
) -> Iterator[list[Person]]:
    """These accounts, or all people of this part, by id: so many at a time, with their facts; three queries each."""
    rows = (selection.accounts() if accounts is None else accounts).order_by("pk")
    while found := with_facts(selection, rows.filter(pk__gt=after)[:size]):
        yield found
        if len(found) < size:
            return
        after = found[-1].id


def with_facts(selection: Selection, accounts: QuerySet) -> list[Person]:
    """These accounts, in their order, with what decides of them; three queries."""
    flags = ("is_active", "is_superuser", "is_auditor", "is_restricted")
    found = list(accounts.values("id", "email", *flags))
    ids = [row["id"] for row in found]
    standings, assigned = _standings(selection, ids), _assigned(ids)
    return [
        Person(
            **row,
            standings=tuple(standings.get(row["id"], ())),
            assigned=frozenset(assigned.get(row["id"], ())),
        )
        for row in found
    ]


def _standings(selection: Selection, ids: list[int]) -> dict[int, list[Standing]]:
    rows = Membership.objects.filter(user_id__in=ids).order_by("team_id")
    if selection.teams is not None:
        rows = rows.filter(team_id__in=selection.teams)
    found: dict[int, list[Standing]] = {}
    for user, team, role, custom, from_groups in rows.values_list(
        "user_id", "team_id", "role", "custom_role__name", "from_groups"
    ):
        standing = Standing(team, intern(role), intern(custom or ""), from_groups)
        found.setdefault(user, []).append(standing)
    return found


def _assigned(ids: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    rows = ProjectMember.objects.filter(user_id__in=ids)
    for user, project in rows.values_list("user_id", "project_id"):
        found.setdefault(user, []).append(project)
    return found
