"""The console's pages of retention: what is kept how long, what was removed when, and on demand what is due."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells, retention
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_lists import PeriodFilter
from portal.console_navigation import Page, Tool, register_page
from portal.legal_holds import held
from portal.models import RetentionRun
from portal.retention import Due, Kind

PERMISSION = "portal.view_retentionrun"
TONES = {
    "running": ("", "clock"),
    "done": ("good", "check"),
    "cut_short": ("warn", "clock"),
    "stopped": ("bad", "alert"),
    "interrupted": ("warn", "alert"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One kind on the page. `found` is there once somebody asked to count."""

    kind: Kind
    last: RetentionRun | None
    found: Due | None

    @property
    def state(self) -> Any:
        return chip(self.last) if self.last else cells.chip(_("never yet"))

    @property
    def due(self) -> Any:
        return cells.number(self.found.total) if self.found else ""

    @property
    def held(self) -> Any:
        return cells.number(self.found.held_total) if self.found else ""


def chip(run: RetentionRun) -> SafeString:
    return cells.chip(run.get_state_display(), *TONES[run.state])


def may(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def page(request: HttpRequest) -> HttpResponse:
    """With `?count=yes` it is a dry run: nothing is removed."""
    if not may(request):
        raise PermissionDenied
    counts = retention.due() if request.GET.get("count") == "yes" else {}
    newest = RetentionRun.objects.order_by().values("kind").annotate(pk=Max("pk"))
    last = {
        run.kind: run for run in RetentionRun.objects.filter(pk__in=[row["pk"] for row in newest])
    }
    context = {
        **admin.site.each_context(request),
        "title": _("Retention"),
        "crumb": _("Retention"),
        "lines": [
            Line(kind, last.get(kind.name), counts.get(kind.name)) for kind in retention.kinds()
        ],
        "counted": bool(counts),
        "holds": held(),
        "tools": [
            Tool(_("Periods"), reverse("admin:portal_setting_changelist")),
            Tool(_("Legal holds"), reverse("admin:teams_legalhold_changelist")),
            Tool(_("All runs"), reverse("admin:portal_retentionrun_changelist"), "clock"),
        ],
    }
    return TemplateResponse(request, "admin/portal/retention.html", context)


class StartedFilter(PeriodFilter):
    column = "started_at"


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """Reached from the page of retention."""

    list_name = _("Runs of retention")  # type: ignore[assignment]
    intro = _(
        "What was removed, when and of whom. Of runs that found nothing only the last is kept."
    )
    next_step = _("Nothing ran yet: the worker applies retention every hour.")
    list_display = ("started", "what", "count", "outcome")
    list_display_links = ("started",)
    list_filter = (StartedFilter, "kind", "state")
    sortable_by = ()
    ordering = ("-id",)
    fields = ("started", "ended", "what", "count", "outcome", "note", "teams")
    readonly_fields = ("started", "ended", "what", "count", "outcome", "teams")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request)

    def object_title(self, obj: RetentionRun) -> str:
        return str(self.what(obj))

    @admin.display(description=_("started"))
    def started(self, run: RetentionRun) -> SafeString:
        return cells.when(run.started_at)

    @admin.display(description=_("ended"))
    def ended(self, run: RetentionRun) -> SafeString:
        return cells.when(run.ended_at)

    @admin.display(description=_("what"))
    def what(self, run: RetentionRun) -> Any:
        titles = {kind.name: kind.title for kind in retention.kinds()}
        return titles.get(run.kind, run.kind)

    @admin.display(description=_("removed"))
    def count(self, run: RetentionRun) -> SafeString:
        return cells.number(run.removed)

    @admin.display(description=_("state"))
    def outcome(self, run: RetentionRun) -> SafeString:
        return chip(run)

    @admin.display(description=_("by team"))
    def teams(self, run: RetentionRun) -> SafeString:
        """Teams by number: some are gone."""
        if not run.by_team:
            return cells.NOTHING
        words = [
            _("team %(team)s: %(count)s") % {"team": team, "count": f"{count:,}"}
            if team
            else _("no team: %(count)s") % {"count": f"{count:,}"}
            for team, count in sorted(run.by_team.items(), key=lambda pair: -pair[1])
        ]
        return format_html("{}", "; ".join(map(str, words)))


register_page(Page("retention", "retention/", _("Retention"), page, may, area="trail", place=20))
