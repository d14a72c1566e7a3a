"""The console's pages of address rules and CSP reports."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.models import AddressRule, CspReport


@admin.register(AddressRule)
class AddressRuleAdmin(ConsoleModelAdmin):
    area, place = "platform", 60
    intro = _(
        "Which networks may use the portal, and which may manage it, in the console or by the API. A block wins; once one "
        "network is allowed, only allowed ones come in. A rule that would lock you out is refused."
    )
    next_step = _("Everybody may knock. Allow a network, or block one.")
    list_display = ("network", "where", "says", "note")
    list_filter = ("place", "verdict")
    search_fields = ("network", "note")
    search_help_text = _("Searches network and note.")

    @admin.display(description=_("where"), ordering="place")
    def where(self, rule: AddressRule) -> Any:
        return rule.get_place_display()

    @admin.display(description=_("verdict"), ordering="verdict")
    def says(self, rule: AddressRule) -> Any:
        tone = "bad" if rule.verdict == AddressRule.Verdict.BLOCK else ""
        return cells.chip(rule.get_verdict_display(), tone)


@admin.register(CspReport)
class CspReportAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 40
    list_name = _("CSP reports")  # type: ignore[assignment]
    intro = _(
        "What browsers refused to do on our pages, counted. The portal's own pages cause none: an entry is an "
        "extension, an attempt, or a mistake of ours. Anybody can send one."
    )
    next_step = _("No browser has reported anything.")
    list_display = ("directive", "blocked", "page", "count", "first", "last")
    search_fields = ("directive", "blocked", "page")
    search_help_text = _("Searches directive, what was blocked, and the page.")
    fields = ("directive", "blocked", "page", "count", "first", "last")
    readonly_fields = fields

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser or getattr(request.user, "is_auditor", False)

    @admin.display(description=_("first"), ordering="first_at")
    def first(self, row: CspReport) -> Any:
        return cells.when(row.first_at)

    @admin.display(description=_("last"), ordering="last_at")
    def last(self, row: CspReport) -> Any:
        return cells.when(row.last_at)
