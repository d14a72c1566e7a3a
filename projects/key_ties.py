"""What the projects know of keys: which of them a key is confined to, and what it has spent this month."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.key_ties import register_ties
from portal.errors import Refusal
from projects.budgets import dollars, month_of
from projects.models import KeyProject, KeySpend, Project


class ProjectTies:
    """Two queries for all keys of a list."""

    def choices(self, user: Any) -> list[tuple[str, str]]:
        rows = Project.objects.chattable_by(user).order_by("name")
        return list(rows.values_list("slug", "name"))

    def confine(self, key: Any, slugs: Iterable[str]) -> None:
        wanted = set(slugs)
        seen = Project.objects.visible_to(key.user).filter(slug__in=wanted)
        projects = list(seen.only("pk", "name", "team_id"))
        if not wanted or len(projects) < len(wanted):
            raise Refusal(
                "validation_failed", fields={"projects": [_("There is no such project.")]}
            )
        KeyProject.objects.bulk_create(KeyProject(key=key, project=row) for row in projects)

    def joined(self, keys: QuerySet, user: Any) -> QuerySet:
        seen = Project.objects.visible_to(user).filter(pk=OuterRef("project_id"))
        confinements = KeyProject.objects.annotate(slug=Subquery(seen.values("slug")[:1]))
        spends = KeySpend.objects.visible_to(user).filter(month=month_of(timezone.now()))
        return keys.prefetch_related(
            Prefetch("confinements", confinements), Prefetch("spends", spends)
        )

    def projects(self, key: Any) -> list[str] | None:
        rows = list(key.confinements.all())
        return sorted(row.slug for row in rows if row.slug) if rows else None

    def reached(self, key: Any) -> frozenset[str] | None:
        rows = KeyProject.objects.filter(key_id=key.pk)
        slugs = list(rows.values_list("project__slug", flat=True))
        return frozenset(slug for slug in slugs if slug) if slugs else None

    def teams(self, key: Any) -> frozenset[int | None] | None:
        rows = KeyProject.objects.filter(key_id=key.pk).values_list("project", "project__team_id")
        found = list(rows)
        return frozenset(team for project, team in found if project) if found else None

    def spent(self, key: Any) -> Decimal:
        return sum((dollars(row.spent_micros) for row in key.spends.all()), Decimal(0))


def install() -> None:
    register_ties(ProjectTies())
