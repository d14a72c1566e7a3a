"""The console's pages of the trail: read only, and as fast at ten million entries as at ten."""

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit import (
    admin_destinations,  # noqa: F401
    console_list,
    export_page,
    labels,
    proof_page,
    sealing_state,
    searching,
    words,
)
from audit.console_list import TrailChangeList
from audit.entry_page import row_url, story
from audit.filters import Narrowing
from audit.models import Checkpoint, Entry
from audit.querysets import readable_by
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

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return Entry.objects.readable(readable_by(request))

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        entry = super().get_object(request, *args, **kwargs)
        labels.name_people(request.user, [entry] if entry is not None else [])
        return entry

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TrailChangeList]:
        return TrailChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The one field for everything leads to the field that is meant."""
        term = request.GET.get(TERM, "").strip()
        if term and "\0" not in term:
            given = Narrowing.of(request).given | searching.read_term(term)
            return HttpResponseRedirect(Narrowing(given).query())
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export_view)
        proof = self.admin_site.admin_view(self.proof_view)
        verifier = self.admin_site.admin_view(self.verifier_view)
        return [
            path("export/", export, name="audit_entry_export"),
            path("verifier.py", verifier, name="audit_entry_verifier"),
            path("<path:object_id>/proof/", proof, name="audit_entry_proof"),
            *super().get_urls(),
        ]

    def proof_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        entry = self.get_object(request, object_id)
        if not self.has_view_permission(request, entry):
            raise PermissionDenied
        return proof_page.download(request, entry)

    def verifier_view(self, request: HttpRequest) -> HttpResponse:
        """The program that verifies an export without the portal."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return proof_page.verifier()

    def export_view(self, request: HttpRequest) -> HttpResponse:
        return export_page.page(self, request)

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        narrowing = Narrowing.of(request)
        url = reverse("admin:audit_entry_export")
        return [Tool(_("Export"), url + (narrowing.query() if narrowing.given else ""), "down")]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        entry = kwargs["obj"]
        labels.read_ahead([entry], changes=True)
        told = story(request, entry)
        labels.read_ahead(told.together)
        labels.name_people(request.user, told.together)
        sealed = told.checkpoint
        context |= {
            "story": told,
            "at": cells.when(entry.created_at),
            "deed": self.deed(entry),
            "request_id": cells.identifier(entry.request_id),
            "together": [console_list.shown(one) for one in told.together],
            "sealed_at": cells.when(sealed.created_at) if sealed else "",
            "checkpoint_url": _checkpoint_url(request, sealed),
        }
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


def _checkpoint_url(request: HttpRequest, checkpoint: Checkpoint | None) -> str:
    return row_url(request, Checkpoint, pk=checkpoint.pk) if checkpoint is not None else ""


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 20
    list_name = _("Checkpoints")  # type: ignore[assignment]
    intro = _(
        "Signed seals over the entries, chained, and kept in a file outside of the database too. What is changed, added or removed "
        "behind one no longer fits it."
    )
    next_step = _("The first is made within a minute after the first entry, where a worker runs.")
    list_display = ("what", "at", "entries", "ids")
    sortable_by = ()
    ordering = ("-number",)
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/audit/checkpoints.html"
    fieldsets = (
        (None, {"fields": ("number", "at", "entries", "ids", "said")}),
        (_("Line"), {"fields": ("signed_line",)}),
    )
    readonly_fields = ("at", "entries", "ids", "said", "signed_line")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.view_checkpoint")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.key_view)
        return [path("public-key/", view, name="audit_checkpoint_key"), *super().get_urls()]

    def key_view(self, request: HttpRequest) -> HttpResponse:
        """The public key that the verifier needs, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pem = sealing_state.public_pem()
        if not pem:
            raise Http404
        response = HttpResponse(pem, content_type="application/x-pem-file")
        response["Content-Disposition"] = 'attachment; filename="gatehouse-audit-key.pem"'
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {}
        if self.has_view_permission(request):
            found = sealing_state.state()
            more = {
                "state": found,
                "sealed_at": cells.when(found.last.created_at) if found.last else cells.NOTHING,
                "waits_since": cells.when(found.oldest_waiting),
                "fingerprint": cells.identifier(found.fingerprint),
                "public_key": cells.identifier(found.public_key),
            }
        return super().changelist_view(request, more | (extra_context or {}))

    def object_title(self, obj: Checkpoint) -> str:
        return _("Checkpoint %(number)s") % {"number": obj.number}

    @admin.display(description=_("number"))
    def what(self, checkpoint: Checkpoint) -> str:
        return str(checkpoint.number)

    @admin.display(description=_("time"))
    def at(self, checkpoint: Checkpoint) -> SafeString:
        return cells.when(checkpoint.created_at)

    @admin.display(description=_("entries"))
    def entries(self, checkpoint: Checkpoint) -> SafeString:
        return cells.number(checkpoint.count)

    @admin.display(description=_("ids"))
    def ids(self, checkpoint: Checkpoint) -> Any:
        if not checkpoint.count:
            return cells.NOTHING
        return f"{checkpoint.first_id} – {checkpoint.last_id}"

    @admin.display(description=_("says"))
    def said(self, checkpoint: Checkpoint) -> SafeString:
        """What it says beside its entries: the root, its key, a hand-over, what was pruned."""
        told = json.loads(checkpoint.line)
        names = ("root", "key", "previous", "next_key", "pruned", "archive")
        pairs = [(name, json.dumps(told[name])) for name in names if told.get(name)]
        return format_html_join("", "<p>{}: <code>{}</code></p>", pairs)

    @admin.display(description=_("line"))
    def signed_line(self, checkpoint: Checkpoint) -> SafeString:
        """As it stands in the file; the beginnings of the leaves are left out here."""
        told = json.loads(checkpoint.line)
        told["leaves"] = "…" if told.get("leaves") else ""
        text = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return format_html("<code>{}</code>", text)
