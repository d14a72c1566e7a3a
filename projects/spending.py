"""What teams have spent of their budgets this month, for the console's start page: meters, and a notice in time."""

from collections.abc import Sequence

from django.db.models import F, FloatField, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, NullIf
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import start_page
from portal.cells import money
from portal.start_page import Meter, Notice, Scope, list_of
from projects.budgets import MICROS
from teams.models import Team
from teams.querysets import archived_teams
from teams.ties import ties

NEAR, FULL = 0.8, 1.0
LISTED = 8


def _with_budgets(scope: Scope) -> QuerySet:
    """The teams looked at that are in use and have a budget, with the share of it that is spent; one of 0 is all spent."""
    rows = Team.objects.visible_to(scope.user).exclude(monthly_budget=None)
    rows = rows.exclude(pk__in=archived_teams())
    if scope.teams is not None:
        rows = rows.filter(pk__in=scope.teams)
    budget = NullIf(Cast("monthly_budget", FloatField()), Value(0.0))
    spent = Cast("spent_micros", FloatField()) / Value(float(MICROS))
    return (
        ties()
        .joined(rows, scope.user)
        .filter(spent_micros__isnull=False)
        .annotate(share=Coalesce(spent / budget, Value(FULL)))
        .order_by(F("share").desc(), "name")
    )


def meters(scope: Scope) -> Sequence[Meter]:
    """Those that are nearest to their end."""
    found = []
    for team in _with_budgets(scope)[:LISTED]:
        month = ties().month(team)
        if month is None or month.remaining is None:
            continue
        words = _("%(spent)s of %(budget)s; %(remaining)s remain")
        values = {
            "spent": money(month.spent),
            "budget": money(month.budget),
            "remaining": money(month.remaining),
        }
        page = reverse("admin:teams_team_change", args=[team.pk])
        found.append(Meter(team.name, words % values, team.share, page, _tone(team.share)))
    return found


def _tone(share: float) -> str:
    if share >= FULL:
        return "bad"
    return "warn" if share >= NEAR else ""


def notices(scope: Scope) -> Sequence[Notice]:
    """Budgets that are spent, and those of which four fifths are."""
    shares = list(_with_budgets(scope).filter(share__gte=NEAR).values_list("share", flat=True))
    page = list_of("projects_teamspend", scope)
    spent = sum(share >= FULL for share in shares)
    near = len(shares) - spent
    found: list[Notice] = []
    if spent:
        words = ngettext(
            "%d team has spent its budget of this month: its questions are refused.",
            "%d teams have spent their budgets of this month: their questions are refused.",
            spent,
        )
        found.append(Notice("bad", words % spent, page, _("Show them")))
    if near:
        words = ngettext(
            "%d team has spent over 80%% of its budget of this month.",
            "%d teams have spent over 80%% of their budgets of this month.",
            near,
        )
        found.append(Notice("warn", words % near, page, _("Show them")))
    return found


def install() -> None:
    start_page.register_meters(meters)
    start_page.register_notices(notices)
