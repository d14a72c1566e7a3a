"""The console's pages of the usage log and of what was spent: to read, not to change."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from guards.models import GuardEvent
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_lists import PeriodFilter
from portal.console_navigation import Tool
from projects.budgets import dollars
from projects.models import Exchange, Spend, TeamSpend
from projects.outcomes import GROUPS, group_of
from teams.console import TeamFilter

WORDS = {
    "answered": _("answered"),
    "blocked": _("blocked"),
    "refused": _("refused"),
    "failed": _("failed"),
    "stopped": _("stopped"),
}
LOOKS = {
    "answered": ("good", "check"),
    "blocked": ("bad", "shield"),
    "refused": ("warn", "stop"),
    "failed": ("bad", "alert"),
    "stopped": ("", "stop"),
}
ACTIONS = {"block": "bad", "redact": "warn", "warn": "warn"}


class ResultFilter(admin.SimpleListFilter):
    """What became of it, in five words; an outcome is the exact one."""

    title = _("result")
    parameter_name = "result"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        members = GROUPS.get(str(self.value()))
        return queryset.filter(outcome__in=members) if members else queryset


@admin.register(Exchange)
class ExchangeAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """The usage log. Content is not shown: reading other people's conversations is a deed of its own."""

    area, place = "work", 30
    list_name = _("Usage")  # type: ignore[assignment]
    intro = _(
        "One row for each question and its answer, whatever became of it. Texts are not shown here."
    )
    next_step = _("Ask a question in a project's playground, and its row appears here.")
    list_display = (
        "asked",
        "project_slug",
        "who",
        "door",
        "result",
        "guarded",
        "tokens",
        "price",
        "took",
    )
    list_display_links = ("asked",)
    list_filter = (PeriodFilter, ResultFilter, "guard_action", "door", TeamFilter)
    list_select_related = ("user", "key", "acted_by")
    search_fields = ("=uid", "=request_id", "=project_slug", "=user__email")
    search_help_text = _(
        "Finds exactly: an exchange id, a request id, a project's slug or a person's e-mail."
    )
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "exchange",
                    "asked",
                    "what_became",
                    "project_link",
                    "who",
                    "door",
                    "streamed",
                )
            },
        ),
        (_("Guards"), {"fields": ("what_guards_said",)}),
        (
            _("Model and figures"),
            {"fields": ("model_name", "tokens_in_out", "price", "took", "first_words")},
        ),
        (_("Where to look further"), {"fields": ("request", "shown_for_demonstration")}),
    )
    readonly_fields = (
        *("exchange", "asked", "what_became", "project_link", "who", "what_guards_said"),
        *("tokens_in_out", "price", "took", "first_words", "request", "shown_for_demonstration"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("question", "answer")

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """With the guards' events that the reader may see."""
        found = super().get_object(request, object_id, from_field)
        seen = GuardEvent.objects.visible_to(request.user)
        found.seen_events = seen.filter(exchange=found.uid).order_by("id")
        return found

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        return [Tool(_("By day"), reverse("admin:usage_month"))]

    def object_title(self, obj: Exchange) -> str:
        return _("Exchange in %s") % obj.project_slug

    def object_tools(self, request: HttpRequest, obj: Exchange) -> list[Tool]:
        page = f"{reverse('admin:audit_entry_changelist')}?request_id={obj.request_id}"
        may = obj.request_id and request.user.has_perm("audit.view_entry", obj)
        return [Tool(_("In the trail"), page)] if may else []

    @admin.display(description=_("asked"))
    def asked(self, row: Exchange) -> SafeString:
        return cells.when(row.created_at)

    @admin.display(description=_("who"))
    def who(self, row: Exchange) -> SafeString:
        if row.user is not None:
            by = format_html(' <span class="quiet">{}</span>', row.key.name) if row.key else ""
            return format_html("{}{}{}", row.user, by, cells.acted_by(row.acted_by))
        return format_html("{}", _("visitor") if row.visitor else _("nobody known"))

    @admin.display(description=_("result"))
    def result(self, row: Exchange) -> SafeString:
        group = group_of(row.outcome)
        return format_html(
            '<span title="{}">{}</span>', row.outcome, cells.chip(WORDS[group], *LOOKS[group])
        )

    @admin.display(description=_("guards"))
    def guarded(self, row: Exchange) -> SafeString:
        if not row.guard_action:
            return cells.NOTHING
        words = f"{row.guard_action}: {', '.join(row.guards)}"
        return cells.chip(words, ACTIONS.get(row.guard_action, ""))

    @admin.display(description=_("tokens"))
    def tokens(self, row: Exchange) -> SafeString:
        return cells.number(row.prompt_tokens + row.completion_tokens, about=row.tokens_estimated)

    @admin.display(description=_("cost"))
    def price(self, row: Exchange) -> SafeString:
        return cells.usd(row.cost)

    @admin.display(description=_("took"))
    def took(self, row: Exchange) -> SafeString:
        return cells.duration(row.latency_ms)

    @admin.display(description=_("exchange"))
    def exchange(self, row: Exchange) -> SafeString:
        return cells.identifier(row.uid)

    @admin.display(description=_("result"))
    def what_became(self, row: Exchange) -> SafeString:
        return format_html("{} <code>{}</code> HTTP {}", self.result(row), row.outcome, row.status)

    @admin.display(description=_("project"))
    def project_link(self, row: Exchange) -> SafeString:
        if row.project_id is None:
            return format_html("{}", row.project_slug)
        page = reverse("admin:projects_project_change", args=[row.project_id])
        return format_html('<a href="{}">{}</a>', page, row.project_slug)

    @admin.display(description=_("what they said"))
    def what_guards_said(self, row: Exchange) -> SafeString:
        """From the events, which hold no text."""
        lines = [
            (
                reverse("admin:guards_guardevent_change", args=[event.pk]),
                event.guard_slug,
                event.stage,
                cells.chip(event.action, ACTIONS.get(event.action, "")),
                event.categories,
            )
            for event in row.seen_events  # type: ignore[attr-defined]
        ]
        if not lines:
            return format_html("{}", _("nothing"))
        return format_html_join("", '<p><a href="{}">{}</a> · {} · {} {}</p>', lines)

    @admin.display(description=_("tokens"))
    def tokens_in_out(self, row: Exchange) -> str:
        words = _("%(question)d in, %(answer)d out") % {
            "question": row.prompt_tokens,
            "answer": row.completion_tokens,
        }
        return f"{words} ({_('estimated')})" if row.tokens_estimated else words

    @admin.display(description=_("time to the first words"))
    def first_words(self, row: Exchange) -> SafeString:
        return cells.duration(row.first_token_ms)

    @admin.display(description=_("request"))
    def request(self, row: Exchange) -> SafeString:
        return cells.identifier(row.request_id)

    @admin.display(description=_("demo data"), boolean=True)
    def shown_for_demonstration(self, row: Exchange) -> bool:
        return row.is_demo


class SpendingAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """Counted beside the usage log, so that retention never changes what was spent."""

    next_step = _("The first answer of a model that costs something opens a row.")
    list_filter: Any = ("month",)
    readonly_fields = ("spent_usd", "reserved_usd")

    @admin.display(description=_("spent"), ordering="spent_micros")
    def spent_usd(self, row: Any) -> SafeString:
        return cells.usd(dollars(row.spent_micros))

    @admin.display(description=_("reserved"), ordering="reserved_micros")
    def reserved_usd(self, row: Any) -> SafeString:
        return cells.usd(dollars(row.reserved_micros))


@admin.register(Spend)
class SpendAdmin(SpendingAdmin):
    area, place = "work", 40
    list_name = _("Spending")  # type: ignore[assignment]
    intro = _("What each project has spent and reserved, month by month.")
    list_display = ("month", "project", "spent_usd", "reserved_usd")
    list_select_related = ("project",)
    search_fields = ("project__slug",)
    search_help_text = _("Searches the project's slug.")
    fields = ("project", "month", "spent_usd", "reserved_usd")
    ordering = ("-month", "project__slug")

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        return [Tool(_("By team"), reverse("admin:projects_teamspend_changelist"))]

    def object_title(self, obj: Spend) -> str:
        return f"{obj.project} · {obj.month:%Y-%m}"


@admin.register(TeamSpend)
class TeamSpendAdmin(SpendingAdmin):
    """Reached from the projects' spending and from the team's page."""

    list_name = _("Spending of teams")  # type: ignore[assignment]
    intro = _(
        "What all projects of a team have spent and reserved together, month by month. "
        "What deleted projects spent stays in it."
    )
    list_display = ("month", "team", "spent_usd", "reserved_usd")
    list_select_related = ("team",)
    list_filter = ("month", TeamFilter)
    search_fields = ("team__slug",)
    search_help_text = _("Searches the team's slug.")
    fields = ("team", "month", "spent_usd", "reserved_usd")
    ordering = ("-month", "team__slug")

    def object_title(self, obj: TeamSpend) -> str:
        return f"{obj.team} · {obj.month:%Y-%m}"
