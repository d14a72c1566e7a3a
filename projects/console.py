"""What the projects add to the console's start page: figures of the usage log, what needs a look, three first steps."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guards.models import GuardAttachment, Stage
from portal import start_page
from portal.cells import money
from portal.charts import Value
from portal.console_navigation import register_page
from portal.start_page import HOURS, Figure, Notice, Scope, Step, list_of
from projects import usage_months
from projects.access import history_page
from projects.models import AccessReview, Exchange, Project, ProjectGuard
from projects.outcomes import GROUPS
from teams.models import Team

EXCHANGES = "projects_exchange"
OPEN_FOR = timedelta(minutes=30)


class UsageFigures:
    """Exchanges, blocks, failures and spend of the last week, from one query."""

    def hourly(self, scope: Scope) -> dict[str, list[Value]]:
        if not may_count(scope, "projects.view_exchange"):
            return {}
        rows = _exchanges(scope).filter(created_at__gte=start_page.first_hour())
        hours = (
            rows.order_by()
            .annotate(hour=TruncHour("created_at"))
            .values("hour")
            .annotate(
                exchanges=Count("id"),
                blocks=Count("id", filter=Q(outcome__in=GROUPS["blocked"])),
                failures=Count("id", filter=Q(outcome__in=GROUPS["failed"])),
                spend=Sum("cost"),
            )
        )
        names = ("exchanges", "blocks", "failures", "spend")
        found: dict[str, list[Value]] = {name: [0] * HOURS for name in names}
        for hour in hours:
            place = start_page.place_of(hour["hour"])
            if 0 <= place < HOURS:
                for name in names:
                    found[name][place] = hour[name] or 0
        return found

    def figures(self, scope: Scope, hourly: dict[str, list[Value]]) -> list[Figure]:
        """None where one's roles view no usage; the lists behind them would be closed too."""
        if "exchanges" not in hourly or not may_count(scope, "projects.view_exchange"):
            return []
        return [
            Figure(
                "exchanges",
                _("Exchanges"),
                _("Questions that reached the portal, whatever became of them."),
                hourly["exchanges"],
                _number,
                list_of(EXCHANGES, scope),
                place=10,
            ),
            Figure(
                "blocks",
                _("Blocks"),
                _("Questions and answers that a guard stopped."),
                hourly["blocks"],
                _number,
                list_of(EXCHANGES, scope, result="blocked"),
                tone="warn",
                place=20,
            ),
            Figure(
                "spend",
                _("Spend"),
                _("What providers charge, in USD. Unknown prices are not in it."),
                hourly["spend"],
                money_shown,
                list_of(EXCHANGES, scope),
                place=30,
            ),
            Figure(
                "failures",
                _("Failures"),
                _("Questions that nobody answered: a provider, a guard or the portal failed."),
                hourly["failures"],
                _number,
                list_of(EXCHANGES, scope, result="failed"),
                tone="bad",
                place=40,
            ),
        ]


def _exchanges(scope: Scope) -> QuerySet:
    if scope.teams is None:
        return Exchange.objects.visible_to(scope.user)
    return Exchange.objects.filter(team_id__in=_teams(scope, "projects.view_exchange"))


def _teams(scope: Scope, permission: str) -> list[int]:
    """Of the teams looked at those where one has this permission."""
    return [team for team in scope.teams or () if scope.user.has_perm(permission, Team(pk=team))]


def may_count(scope: Scope, permission: str) -> bool:
    """Whether there is anything that one may count."""
    return scope.teams is None or bool(_teams(scope, permission))


def _number(value: Any) -> str:
    return f"{value:,}"


def money_shown(value: Any) -> str:
    return money(Decimal(value))


def notices(scope: Scope) -> Sequence[Notice]:
    """Projects that anybody may ask unguarded, and exchanges that never ended."""
    found = []
    bare = unguarded(scope).count() if scope.user.has_perm("projects.view_project") else 0
    if bare:
        words = ngettext(
            "%d active project has no guard on its input.",
            "%d active projects have no guard on their input.",
            bare,
        )
        page = list_of("projects_project", scope, guarded="no")
        found.append(Notice("warn", words % bare, page, _("Show them")))
    stuck = _exchanges(scope).open_before(timezone.now() - OPEN_FOR).count()
    if stuck:
        words = ngettext(
            "%d exchange has been open for over half an hour: is the worker running?",
            "%d exchanges have been open for over half an hour: is the worker running?",
            stuck,
        )
        found.append(Notice("bad", words % stuck, list_of(EXCHANGES, scope), _("Usage")))
    found += due_reviews(scope)
    if scope.teams is None and not settings.DEVELOPMENT and _shows_demo_data():
        found.append(Notice("warn", _("The figures contain demo data.")))
    return found


def due_reviews(scope: Scope) -> list[Notice]:
    """Access reviews that are due and not closed."""
    reviews = AccessReview.objects.visible_to(scope.user).due(timezone.localdate())
    if scope.teams is not None:
        reviews = reviews.filter(team_id__in=scope.teams)
    due = reviews.count()
    if not due:
        return []
    words = ngettext("%d access review is due.", "%d access reviews are due.", due) % due
    page = f"{reverse('admin:projects_accessreview_changelist')}?state=due"
    return [Notice("warn", words, page, _("Decide"))]


def _shows_demo_data() -> bool:
    week = Exchange.objects.filter(created_at__gte=start_page.first_hour())
    return week.filter(is_demo=True).exists()


def unguarded(scope: Scope) -> QuerySet:
    """Active projects in use without any guard on input: their own, their team's, or the platform's."""
    projects = Project.objects.visible_to(scope.user).in_use().filter(is_active=True)
    if scope.teams is not None:
        projects = projects.filter(team_id__in=_teams(scope, "projects.view_projectguard"))
    return without_input_guard(projects)


def without_input_guard(projects: QuerySet) -> QuerySet:
    on_input = GuardAttachment.objects.filter(stage=Stage.INPUT, guard__is_active=True)
    own = ProjectGuard.objects.filter(
        project=OuterRef("pk"), stage=Stage.INPUT, guard__is_active=True
    )
    return projects.exclude(
        Exists(own)
        | Exists(on_input.filter(team=OuterRef("team")))
        | Exists(on_input.filter(team__isnull=True))
    )


def steps(user: Any) -> list[tuple[int, Step]]:
    guarded = ProjectGuard.objects.exists() or GuardAttachment.objects.exists()
    return [
        (
            40,
            Step(
                _("Create a project"),
                _("What people chat with: a model, its instructions, its limits."),
                reverse("admin:projects_project_add"),
                Project.objects.exists(),
            ),
        ),
        (
            50,
            Step(
                _("Attach guards"),
                _("To the whole platform, to a team, or to one project."),
                reverse("admin:guards_guardattachment_add"),
                guarded,
            ),
        ),
    ]


def install() -> None:
    register_page(history_page.PAGE)
    register_page(usage_months.PAGE)
    start_page.register_figures(UsageFigures())
    start_page.register_notices(notices)
    start_page.register_steps(steps)
