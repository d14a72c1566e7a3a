"""Very many people and projects, quickly: below the trail, as a database that has been in use for years holds them."""

from django.db import models

from accounts.models import User
from portal.actions import ensure_offline_model
from projects.models import Project, ProjectMember
from teams.models import Grant, Membership, Team

TEAMS = 10
ROLES = ("member",) * 16 + ("viewer", "viewer", "admin", "owner")


def crowd(*, people: int, projects: int, teams_each: int = 2) -> None:
    """That many in all, in ten teams; each person in two of them, every other project public. Adds what is missing."""
    model = ensure_offline_model()
    teams = list(Team.objects.filter(slug__startswith="crowd").order_by("pk"))
    if not teams:
        teams = _add(Team(slug=f"crowd{n}", name=f"Crowd {n}") for n in range(TEAMS))
        _add(Grant(team=team, model=model) for team in teams)
        _add(
            Project(
                slug=f"crowd-project-{n}",
                name=f"Project {n}",
                team=teams[n % TEAMS],
                model=model,
                visibility="public" if n // TEAMS % 2 else "private",
            )
            for n in range(projects)
        )
    there = User.objects.filter(email__startswith="crowd").count()
    users = _add(User(email=f"crowd{n}@example.com") for n in range(there, people))
    known = set(Membership.objects.order_by().values_list("team_id", "user_id"))
    everybody = User.objects.filter(email__startswith="crowd").order_by("pk")
    _add(
        Membership(team=team, user=user, role=ROLES[n // TEAMS % len(ROLES)])
        for n, user in enumerate(everybody)
        for team in (teams[(n + step) % TEAMS] for step in range(teams_each))
        if (team.pk, user.pk) not in known
    )
    mine = list(Project.objects.filter(slug__startswith="crowd").order_by("pk"))
    _add(
        ProjectMember(project=mine[(n + step * TEAMS) % len(mine)], user=user)
        for n, user in enumerate(users, there)
        for step in (0, 2, 5)
    )


def _add(rows) -> list:
    """Django's own bulk_create: of years of changes there is no entry to be had."""
    made = list(rows)
    if made:
        models.QuerySet(type(made[0])).bulk_create(made, batch_size=5000)
    return made
