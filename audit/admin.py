"""The console's pages of the trail: read only, and as fast at ten million entries as at ten."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit import console_list, searching, words
from audit.console_list import TrailChangeList
from audit.entry_page import story
from audit.filters import Narrowing
from audit.models import Entry
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_navigation import Tool

TERM = "q"


@admin.register(Entry)
class EntryAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 10
    list_name = _("Audit trail")  # type: ignore[assignment]
    intro = _("Who did what to what, when and from where. Nobody can change or delete an entry.")
    list_display = ("at", "deed", "what", "who", "address")
    show_facets = admin.ShowFacets.NEVER  # a count for each would read the whole table
    sortable_by = ()
    search_fields = ("request_id",)
    search_help_text = _(
        "Finds exactly: an e-mail address, a slug, type:id (teams.Team:3), an address, or a request id."
    )
    ordering = ("-id",)
    change_list_template = "admin/audit/entries.html"
    change_form_template = "admin/audit/entry.html"
    fields = ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.view_entry")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TrailChangeList]:
        return TrailChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The one field for everything leads to the field that is meant."""
        term = request.GET.get(TERM, "").strip()
        if term and "\0" not in term:
            given = Narrowing.of(request).given | searching.read_term(term)
            return HttpResponseRedirect(Narrowing(given).query())
        return super().changelist_view(request, extra_context)

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        narrowing = Narrowing.of(request)
        url = reverse("admin:audit_entry_export")
        return [Tool(_("Export"), url + (narrowing.query() if narrowing.given else ""), "down")]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["story"] = story(request, kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    def object_title(self, obj: Entry) -> str:
        return words.sentence(obj)

    @admin.display(description=_("time"))
    def at(self, entry: Entry) -> SafeString:
        return cells.when(entry.created_at)

    @admin.display(description=_("action"))
    def deed(self, entry: Entry) -> SafeString:
        return console_list.deed(entry)

    @admin.display(description=_("object"))
    def what(self, entry: Entry) -> Any:
        return words.target(entry) or cells.NOTHING

    @admin.display(description=_("actor"))
    def who(self, entry: Entry) -> Any:
        return console_list.who(entry)
