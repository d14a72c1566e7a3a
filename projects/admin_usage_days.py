"""The console's page of what the usage log added up to, by day, of lines that retention removed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from projects.models import UsageDay


@admin.register(UsageDay)
class UsageDayAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """Reached from the page of months."""

    list_name = _("Older usage")  # type: ignore[assignment]
    intro = _(
        "Lines of the usage log whose time was over, added up by day, project, model and key before they went."
    )
    next_step = _("All of the usage log is still there, line by line.")
    list_display = ("day", "project_slug", "model_name", "count", "tokens", "price")
    list_filter = ("project_slug",)
    search_fields = ("=project_slug", "=model_name")
    search_help_text = _("Finds exactly a project's slug or a model's name.")
    sortable_by = ()
    ordering = ("-day", "-id")
    fields = (
        *("day", "project_slug", "provider_slug", "model_name", "key_id", "requests", "answered"),
        *("blocked", "refused", "failed", "stopped", "tokens", "price", "unpriced"),
    )
    readonly_fields = ("tokens", "price")
    show_facets = admin.ShowFacets.NEVER

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the usage log they were."""
        return request.user.has_perm("projects.view_exchange", obj)

    @admin.display(description=_("exchanges"))
    def count(self, row: UsageDay) -> SafeString:
        return cells.number(row.requests)

    @admin.display(description=_("tokens"))
    def tokens(self, row: UsageDay) -> SafeString:
        return cells.number(row.prompt_tokens + row.completion_tokens)

    @admin.display(description=_("cost"))
    def price(self, row: UsageDay) -> SafeString:
        return cells.usd(row.cost)
