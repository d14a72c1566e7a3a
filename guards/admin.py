"""The console's pages of guards, attachments and events."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from guards.forms import GuardForm, field_name
from guards.kinds import KINDS
from guards.kinds.base import Kind
from guards.models import Guard, GuardAttachment, GuardEvent
from portal.console import ConsoleModelAdmin, ReadOnlyMixin


@admin.register(Guard)
class GuardAdmin(ConsoleModelAdmin):
    form = GuardForm
    list_display = ("slug", "name", "kind", "mode", "team", "priority", "version", "is_active")
    list_filter = ("kind", "mode", "is_active", ("team", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("slug", "name")
    search_help_text = _("Searches slug and name.")
    autocomplete_fields = ("team",)
    prepopulated_fields = {"slug": ("name",)}

    class Media:
        js = ("js/guard_kind.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new guard offers the options of every kind, each in its own set; a known one those of its kind."""
        top = ("name", "slug", "team", "is_active", "kind")
        sets: list[tuple[Any, dict[str, Any]]] = [(None, {"fields": top})]
        if obj is not None:
            sets[0][1]["fields"] = (*top, "version")
        if obj is not None and not self.has_change_permission(request, obj):
            sets.append((_("What it looks for"), {"fields": ("options_in_words",)}))
        else:
            sets += [
                _option_set(kind) for kind in KINDS.values() if not obj or kind.name == obj.kind
            ]
        then = ("mode", "message", "on_error", "timeout_ms", "priority")
        return [*sets, (_("What happens then"), {"fields": then})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("version", "slug", "team", "kind", "options_in_words")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return self.prepopulated_fields if obj is None else {}

    @admin.display(description=_("options"))
    def options_in_words(self, guard: Guard) -> str:
        """For those who may look and not change."""
        kind = KINDS.get(guard.kind)
        if kind is None:
            return ""
        lines = ((o.label, guard.options.get(o.name, o.default)) for o in kind.options)
        return format_html_join("", "<p>{}: {}</p>", ((label, _in_words(v)) for label, v in lines))


def _option_set(kind: Kind) -> tuple[Any, dict[str, Any]]:
    fields = [field_name(kind.name, option.name) for option in kind.options]
    title = format_lazy("{}: {}", _("What it looks for"), kind.label)
    return title, {"fields": fields, "classes": ("kind-options", f"kind-{kind.name}")}


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or str(_("none"))
    return str(value)


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
