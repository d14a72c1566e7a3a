"""The console's page of widgets."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin
from widget.models import Widget


@admin.register(Widget)
class WidgetAdmin(ConsoleModelAdmin):
    area, place = "work", 20
    intro = _("A chat for the visitors of your site: a project behind a script tag.")
    next_step = _(
        "Add a widget to a project, allow the domains of your site, and paste its script tag there."
    )
    list_display = ("name", "project", "key", "domains", "state")
    list_select_related = ("project",)
    list_filter = ("is_active",)
    search_fields = ("name", "=public_id", "project__slug")
    search_help_text = _("Searches name, exact public key and the project's slug.")
    autocomplete_fields = ("project",)
    readonly_fields = ("public_id", "snippet", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "project", "is_active")}),
        (_("Where it may be shown"), {"fields": ("allowed_domains",)}),
        (_("On your page"), {"fields": ("public_id", "snippet", "created_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A widget stays with its project: its key stands in pages of others."""
        return (*self.readonly_fields, "project") if obj is not None else self.readonly_fields

    @admin.display(description=_("key"))
    def key(self, widget: Widget) -> SafeString:
        return cells.identifier(widget.public_id)

    @admin.display(description=_("allowed domains"))
    def domains(self, widget: Widget) -> SafeString:
        if not widget.allowed_domains:
            return cells.chip(_("closed: no domain"), "warn", "alert")
        shown = ", ".join(widget.allowed_domains[:2])
        more = len(widget.allowed_domains) - 2
        return format_html("{}{}", shown, f" +{more}" if more > 0 else "")

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, widget: Widget) -> SafeString:
        return cells.switch(widget.is_active)

    @admin.display(description=_("snippet"))
    def snippet(self, widget: Widget) -> SafeString:
        """The script tag to paste; the key in it is no secret."""
        tag = '<script src="{}/widget/loader.js" data-key="{}" async></script>'
        return cells.identifier(tag.format(settings.BASE_URL, widget.public_id))
