"""The console's pages of guards, attachments and events."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from guards.forms import GuardForm, field_name
from guards.kinds import KINDS
from guards.kinds.base import Kind
from guards.models import Guard, GuardAttachment, GuardEvent, Mode
from guards.trying import TryForm, findings_table
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_lists import PeriodFilter
from portal.console_navigation import Tool
from teams.console import TeamFilter

TONES = {"block": "bad", "redact": "warn", "warn": "warn", "shadow": "shade", "pass": ""}


@admin.register(Guard)
class GuardAdmin(ConsoleModelAdmin):
    area, place = "guards", 10
    intro = _(
        "Checks of a text. A guard acts where it is attached: on the platform, a team or a project."
    )
    next_step = _("Add a guard, try it on a text, then attach it.")
    form = GuardForm
    list_display = ("name", "slug", "kind", "does", "belongs_to", "priority", "version", "state")
    list_filter = ("kind", "mode", "is_active", TeamFilter)
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

    def object_title(self, obj: Guard) -> str:
        return obj.name

    def object_tools(self, request: HttpRequest, obj: Guard) -> list[Tool]:
        events = f"{reverse('admin:guards_guardevent_changelist')}?q={obj.slug}"
        page = reverse("admin:guards_guard_try", args=[obj.pk])
        return [Tool(_("Try this guard"), page, "try"), Tool(_("Events"), events)]

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.try_view)
        return [path("<path:object_id>/try/", page, name="guards_guard_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A text through this guard alone, for whoever sees the guard. Nothing of the text is kept."""
        guard = self.get_object(request, object_id)
        if not self.has_view_permission(request, guard):
            raise PermissionDenied
        form = TryForm(request.POST if request.method == "POST" else None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": guard,
            "title": _("Try %(name)s") % {"name": guard.name},
            "crumb": _("Try"),
            "form": form,
            "tried": form.tried(guard) if form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/guards/try.html", context)

    @admin.display(description=_("mode"), ordering="mode")
    def does(self, guard: Guard) -> SafeString:
        return cells.chip(guard.mode, TONES.get(guard.mode, ""))

    @admin.display(description=_("team"), ordering="team__name")
    def belongs_to(self, guard: Guard) -> Any:
        return guard.team or format_html('<span class="quiet">{}</span>', _("platform"))

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, guard: Guard) -> SafeString:
        return cells.switch(guard.is_active)

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
    area, place = "guards", 20
    intro = _(
        "Guards on the whole platform or on all projects of a team. Teams cannot loosen those of the platform."
    )
    next_step = _("Attach a guard to the platform, and it looks at every exchange.")
    list_display = ("guard", "team", "stage", "mode")
    list_filter = ("stage", "mode")
    list_select_related = ("guard", "team")
    search_fields = ("guard__slug", "team__slug")
    search_help_text = _("Searches the slugs of guard and team.")
    autocomplete_fields = ("guard", "team")


@admin.register(GuardEvent)
class GuardEventAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "guards", 30
    intro = _("What guards found, and where they failed. The texts themselves are not kept here.")
    next_step = _("Nothing was found yet. Try a guard on a text, or ask something it should stop.")
    list_display = (
        "found",
        "guard_slug",
        "acted",
        "stage",
        "what",
        "project_slug",
        "who",
        "speed",
    )
    list_filter = (PeriodFilter, "action", "stage", "kind", TeamFilter)
    list_select_related = ("user", "acted_by")
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("found", "acted", "guard_with_version", "stage", "mode", "speed")}),
        (_("Findings"), {"fields": ("findings_as_table", "error")}),
        (_("Where"), {"fields": ("project_slug", "team", "who", "exchange_link")}),
    )
    readonly_fields = (
        *("found", "acted", "guard_with_version", "speed", "findings_as_table", "exchange_link"),
        "who",
    )
    search_fields = ("=guard_slug", "=project_slug", "=exchange")
    search_help_text = _("Exact guard slug, project slug or exchange id.")

    def object_title(self, obj: GuardEvent) -> str:
        return _("%(guard)s on %(stage)s") % {"guard": obj.guard_slug, "stage": obj.stage}

    @admin.display(description=_("time"))
    def found(self, event: GuardEvent) -> SafeString:
        return cells.when(event.created_at)

    @admin.display(description=_("user"))
    def who(self, event: GuardEvent) -> Any:
        if event.user is None:
            return cells.NOTHING
        return format_html("{}{}", event.user, cells.acted_by(event.acted_by))

    @admin.display(description=_("action"))
    def acted(self, event: GuardEvent) -> SafeString:
        shadow = event.mode == Mode.SHADOW
        return cells.chip(event.mode if shadow else event.action, TONES[_acted(event)])

    @admin.display(description=_("findings"))
    def what(self, event: GuardEvent) -> Any:
        if event.error:
            return cells.chip(format_html("{}: {}", _("failed"), event.error), "bad", "alert")
        return event.categories

    @admin.display(description=_("took"))
    def speed(self, event: GuardEvent) -> SafeString:
        return format_html('<span class="num">{} ms</span>', f"{event.latency_us / 1000:.1f}")

    @admin.display(description=_("guard"))
    def guard_with_version(self, event: GuardEvent) -> SafeString:
        words = _("version %d") % event.guard_version
        return format_html("{} · {} · {}", event.guard_slug, event.kind, words)

    @admin.display(description=_("findings"))
    def findings_as_table(self, event: GuardEvent) -> SafeString:
        return findings_table(event.findings)

    @admin.display(description=_("exchange"))
    def exchange_link(self, event: GuardEvent) -> SafeString:
        if not event.exchange:
            return cells.NOTHING
        page = f"{reverse('admin:projects_exchange_changelist')}?q={event.exchange}"
        return format_html('<a href="{}"><code>{}</code></a>', page, event.exchange)


def _acted(event: GuardEvent) -> str:
    return str(event.mode if event.mode == Mode.SHADOW else event.action)
