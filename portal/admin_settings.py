"""The console's page of what is set for the whole platform: all settings on one page, by group."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import platform_settings, sensitive, weakenings
from portal.console import ConsoleModelAdmin
from portal.console_navigation import Tool
from portal.console_pending import waiting_for
from portal.models import Setting
from portal.platform_settings import GROUPS, SETTINGS, Definition
from portal.setting_actions import change_setting, rows_after


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting on the page; `field` is None where nobody here changes it."""

    name: str
    definition: Definition
    source: str
    value: Any
    field: Any

    @property
    def default(self) -> str:
        return in_words(self.definition, self.definition.default)

    @property
    def words(self) -> str:
        return in_words(self.definition, self.value)


def in_words(definition: Definition, value: Any) -> str:
    if definition.is_switch:
        return str(_("on") if value else _("off"))
    return f"{value:,} {definition.unit}".strip()


def _field(definition: Definition) -> forms.Field:
    about: dict[str, Any] = {"label": definition.title, "help_text": definition.about}
    about["show_hidden_initial"] = True  # what somebody else changed meanwhile is not put back
    if definition.is_switch:
        return forms.BooleanField(required=False, **about)
    return forms.IntegerField(
        min_value=definition.least, max_value=definition.most, required=True, **about
    )


class SettingsForm(forms.Form):
    """Those that the environment does not fix, with what holds now."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        for name, definition in SETTINGS.items():
            if platform_settings.fixed_value(name) is None:
                self.fields[name] = _field(definition)
                self.initial[name] = platform_settings.value(name)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from now; a value that is the default again needs no row."""
        given = {name: self.cleaned_data[name] for name in self.changed_data}
        return {
            name: None if value == SETTINGS[name].default else value
            for name, value in given.items()
        }


@admin.register(Setting)
class SettingAdmin(ConsoleModelAdmin):
    area, place = "platform", 5
    list_name = _("Settings")  # type: ignore[assignment]
    intro = _(
        "What holds for the whole platform. A variable of the environment wins over this page; what it fixes is "
        "shown and cannot be changed here. Changes hold within seconds, and are in the trail."
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """There is one page for all of them: each shows it, and it sends to its own address."""
        if object_id is None or request.method == "POST":
            raise PermissionDenied
        self.get_object(request, object_id)
        return self._settings_view(request)

    @property
    def _page(self) -> str:
        return reverse("admin:portal_setting_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return weakenings.at_door(request, lambda: self._settings_view(request), model=Setting)

    def _settings_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_change = request.user.has_perm("portal.change_setting")
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        form = SettingsForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            return self._changed(request, form.changes)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.list_name,
            "intro": self.intro,
            "tools": self._trail(request),
            "form": form,
            "page": self._page,
            "groups": _groups(form, may_change),
            "may_change": may_change,
            "pending": self._pending(request),
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/portal/settings.html", context, status=status)

    def _changed(self, request: HttpRequest, changes: dict[str, Any]) -> HttpResponse:
        for before, after in rows_after(changes):
            sensitive.require(request, Setting, before, after)
        for name, value in changes.items():
            change_setting(by=request.user, name=name, value=value)
        words = _("Saved.") if changes else _("Nothing was changed.")
        self.message_user(request, words, messages.SUCCESS if changes else messages.INFO)
        return redirect(self._page)

    def _trail(self, request: HttpRequest) -> list[Tool]:
        if not request.user.has_perm("audit.view_entry"):
            return []
        page = f"{reverse('admin:audit_entry_changelist')}?target_type={self.opts.label}"
        return [Tool(_("History"), page, "clock")]

    def _pending(self, request: HttpRequest) -> list[Any]:
        return list(waiting_for(request.user, Setting()))


def _groups(form: SettingsForm, may_change: bool) -> list[tuple[Any, list[Shown]]]:
    found = []
    for group, title in GROUPS.items():
        rows = [
            Shown(
                name,
                definition,
                platform_settings.source_of(name),
                platform_settings.value(name),
                form[name] if may_change and name in form.fields else None,
            )
            for name, definition in SETTINGS.items()
            if definition.group == group
        ]
        found.append((title, rows))
    return found
