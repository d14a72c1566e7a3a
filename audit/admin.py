"""The console's page of the trail: read only, and as fast at ten million entries as at ten."""

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit import admin_destinations  # noqa: F401
from audit.changes import unsealed
from audit.filters import ActionFilter, TypeFilter
from audit.models import Entry
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_lists import PeriodFilter
from portal.keyring import Unreadable


@admin.register(Entry)
class EntryAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 10
    list_name = _("Audit trail")  # type: ignore[assignment]
    intro = _("Who did what to what, when and from where. Nobody can change or delete an entry.")
    list_display = ("at", "deed", "target_type", "target_label", "who", "address")
    list_filter = (PeriodFilter, ActionFilter, TypeFilter)
    show_facets = admin.ShowFacets.NEVER  # a count for each would read the whole table
    sortable_by = ()
    search_fields = ("request_id",)
    search_help_text = _(
        "Finds exactly: an actor's e-mail address, a target's slug, type:id (teams.Team:3), or a request id."
    )
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("at", "action", "target_type", "target_label", "target_id")}),
        (_("Changes"), {"fields": ("before_and_after", "reason")}),
        (_("Who"), {"fields": ("actor_label", "actor_kind", "actor_id", "on_behalf_of")}),
        (_("Where"), {"fields": ("method", "path", "status", "address", "request_id", "team_id")}),
        (_("Related"), {"fields": ("related",)}),
    )
    readonly_fields = ("at", "before_and_after", "related")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.view_entry")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Exact matches only, each by an index of its own."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(target_label=term) | Q(request_id=term)
        if "@" in term:
            people = get_user_model()._default_manager.filter(email=term.lower())
            wanted |= Q(actor_user_id__in=list(people.values_list("pk", flat=True)))
        kind, colon, number = term.partition(":")
        if colon:
            wanted |= Q(target_type=kind, target_id=number)
        return queryset.filter(wanted), False

    def object_title(self, obj: Entry) -> str:
        named = obj.target_label or f"{obj.target_type} {obj.target_id}".strip()
        return f"{obj.action.replace('_', ' ')}: {named}" if named else obj.action.replace("_", " ")

    @admin.display(description=_("time"))
    def at(self, entry: Entry) -> SafeString:
        return cells.when(entry.created_at)

    @admin.display(description=_("action"))
    def deed(self, entry: Entry) -> SafeString:
        return cells.chip(entry.action.replace("_", " "), _tone(entry.action))

    @admin.display(description=_("actor"))
    def who(self, entry: Entry) -> Any:
        """Both people where one impersonated the other."""
        if not entry.on_behalf_of:
            return entry.actor_label
        return format_html(
            "{} <strong>{} {}</strong>", entry.actor_label, _("as"), entry.on_behalf_of
        )

    @admin.display(description=_("changes"))
    def before_and_after(self, entry: Entry) -> SafeString:
        rows = [
            (name, *_sides(change, f"{entry.target_type}.{name}"))
            for name, change in entry.changes.items()
        ]
        if not rows:
            return format_html("{}", "–")
        body = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        return format_html(
            '<table class="changes"><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            _("field"),
            _("before"),
            _("after"),
            body,
        )

    @admin.display(description=_("other entries"))
    def related(self, entry: Entry) -> SafeString:
        """Ways from here: what else happened to the target, by the actor, in the request."""
        ways: list[tuple[Any, dict[str, Any]]] = [
            (
                _("of this target"),
                {"target_type": entry.target_type, "target_id__exact": entry.target_id},
            ),
            (
                _("by this actor"),
                {"actor_kind__exact": entry.actor_kind, "actor_id__exact": entry.actor_id},
            ),
            (_("of this request"), {"request_id__exact": entry.request_id}),
            (_("of this team"), {"team_id__exact": entry.team_id}),
        ]
        page = reverse("admin:audit_entry_changelist")
        links = [
            (f"{page}?{urlencode(query)}", words) for words, query in ways if all(query.values())
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links) or format_html("{}", "–")


def _tone(action: str) -> str:
    """Failures and refusals stand out; deletions warn."""
    if action.endswith("_failed") or action.startswith(("refused", "blocked")):
        return "bad"
    return "warn" if action.startswith(("delete", "revoke", "deactivat")) else ""


def _sides(change: object, place: str) -> tuple[str, str]:
    if isinstance(change, dict):
        return _shown(change.get("removed"), place), _shown(change.get("added"), place)
    if isinstance(change, list) and len(change) == 2:
        return _shown(change[0], place), _shown(change[1], place)
    return "–", _shown(change, place)


def _shown(value: object, place: str) -> str:
    """Personal values are opened for the reader; where their key is gone, the entry says so."""
    if value in (None, ""):
        return "–"
    if isinstance(value, dict) and "sealed" in value:
        try:
            return unsealed(value, place=place)
        except Unreadable:
            return str(_("(erased)"))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
