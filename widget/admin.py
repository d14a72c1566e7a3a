"""The console's page of widgets."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal.console import ConsoleModelAdmin
from widget.models import Widget


@admin.register(Widget)
class WidgetAdmin(ConsoleModelAdmin):
    list_display = ("name", "project", "public_id", "is_active")
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

    @admin.display(description=_("snippet"))
    def snippet(self, widget: Widget) -> SafeString:
        """The script tag to paste; the key in it is no secret."""
        tag = '<script src="{}/widget/loader.js" data-key="{}" async></script>'
        return format_html("<code>{}</code>", tag.format(settings.BASE_URL, widget.public_id))
