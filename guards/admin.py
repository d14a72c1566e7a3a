"""The console's pages of guards, attachments and events."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from guards.kinds import KINDS
from guards.models import Guard, GuardAttachment, GuardEvent
from portal.console import ConsoleModelAdmin, ReadOnlyMixin


def _options_help() -> str:
    lines = [f"{kind.label}: {json.dumps(dict(kind.defaults))}" for kind in KINDS.values()]
    return _("Empty: the defaults, which are ") + " · ".join(lines)


class GuardForm(forms.ModelForm):
    class Meta:
        model = Guard
        exclude = ()
        help_texts = {"options": _options_help()}


@admin.register(Guard)
class GuardAdmin(ConsoleModelAdmin):
    form = GuardForm
    list_display = ("slug", "name", "kind", "mode", "team", "priority", "version", "is_active")
    list_filter = ("kind", "mode", "is_active", ("team", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("slug", "name")
    search_help_text = _("Searches slug and name.")
    autocomplete_fields = ("team",)
    readonly_fields = ("version",)
    fieldsets = (
        (None, {"fields": ("name", "slug", "team", "is_active", "version")}),
        (_("What it looks for"), {"fields": ("kind", "options")}),
        (
            _("What happens then"),
            {"fields": ("mode", "message", "on_error", "timeout_ms", "priority")},
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("version",) if obj is None else ("version", "slug", "team", "kind")


@admin.register(GuardAttachment)
class GuardAttachmentAdmin(ConsoleModelAdmin):
    list_display = ("guard", "team", "stage", "mode")
    list_filter = ("stage", "mode")
    list_select_related = ("guard", "team")
    search_fields = ("guard__slug", "team__slug")
    search_help_text = _("Searches the slugs of guard and team.")
    autocomplete_fields = ("guard", "team")


@admin.register(GuardEvent)
class GuardEventAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    list_display = (
        "created_at",
        "guard_slug",
        "stage",
        "action",
        "project_slug",
        "user",
        "what",
        "latency_us",
    )
    list_filter = ("action", "stage", "kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("=guard_slug", "=project_slug", "=exchange")
    search_help_text = _("Exact guard slug, project slug or exchange id.")

    @admin.display(description=_("findings"))
    def what(self, event: GuardEvent) -> str:
        if event.error:
            return format_html("{}: {}", _("failed"), event.error)
        return ", ".join(sorted({str(finding.get("category", "")) for finding in event.findings}))
