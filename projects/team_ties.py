"""What the projects know of teams: what they spent this month, and which projects a budget or a grant is about."""

from collections.abc import Iterable
from typing import Any

from django.db.models import BigIntegerField, Case, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from projects.budgets import dollars, month_of
from projects.models import Project, TeamSpend
from projects.rules import unpriced_models
from teams.ties import Month, register_ties


class ProjectTies:
    def joined(self, teams: QuerySet, user: Any) -> QuerySet:
        """In the same query: null for who may not see it, 0 where nothing was spent."""
        if not user.is_active:
            return teams
        rows = TeamSpend.objects.filter(team=OuterRef("pk"), month=month_of(timezone.now()))
        spent = Coalesce(Subquery(rows.values("spent_micros")[:1]), Value(0))
        if user.is_superuser or user.is_auditor:
            return teams.annotate(spent_micros=spent)
        nothing = Q(pk__in=[])
        seen = nothing if user.is_restricted else TeamSpend.objects.all().of_teams("pk", user)
        shown = Case(When(seen, then=spent), default=None, output_field=BigIntegerField())
        return teams.annotate(spent_micros=shown)

    def month(self, team: Any) -> Month | None:
        spent = getattr(team, "spent_micros", None)
        return None if spent is None else Month(dollars(spent), team.monthly_budget)

    def mistakes(self, team: Any) -> dict[str, Any]:
        if team.monthly_budget is None or team.pk is None:
            return {}
        names = [str(model) for model in unpriced_models(team)]
        if not names:
            return {}
        words = _("A budget needs models whose prices are known; of these they are not: %(names)s.")
        return {"monthly_budget": words % {"names": ", ".join(names)[:200]}}

    def stopped(self, pairs: Iterable[tuple[int, int]]) -> list[str]:
        wanted = set(pairs)
        rows = Project.objects.filter(
            is_active=True,
            archived_at__isnull=True,
            team_id__in={team for team, _model in wanted},
            model_id__in={model for _team, model in wanted},
        )
        found = rows.order_by("name").values_list("team_id", "model_id", "name")
        return [name for team, model, name in found if (team, model) in wanted]


def install() -> None:
    register_ties(ProjectTies())
