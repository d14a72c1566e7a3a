"""The console's page of the trail: read only, fast at any length."""

import json

from cryptography.fernet import InvalidToken
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.models import Entry
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.encryption import decrypt

MOST_PAGES = 200


class CappedPaginator(Paginator):
    """Counts up to a bound instead of the whole table; older entries are found by filter and search."""

    @cached_property
    def count(self) -> int:
        bound = MOST_PAGES * self.per_page
        return len(self.object_list.order_by().values_list("pk")[:bound])


@admin.register(Entry)
class EntryAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    list_display = ("created_at", "action", "target_type", "target_label", "actor_label", "address")
    list_filter = ("action", "actor_kind", "target_type", "created_at")
    search_fields = ("=target_id", "=target_label", "=request_id", "=actor_label")
    search_help_text = _("Exact target id or label, request id, or actor's e-mail.")
    ordering = ("-id",)
    paginator = CappedPaginator
    show_full_result_count = False
    fields = (
        "created_at",
        "action",
        "actor_kind",
        "actor_label",
        "on_behalf_of",
        "target_type",
        "target_id",
        "target_label",
        "before_and_after",
        "reason",
        "method",
        "path",
        "status",
        "address",
        "request_id",
    )
    readonly_fields = ("before_and_after",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.view_entry")

    @admin.display(description=_("changes"))
    def before_and_after(self, entry: Entry) -> SafeString:
        rows = [(name, *_sides(change)) for name, change in entry.changes.items()]
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


def _sides(change: object) -> tuple[str, str]:
    if isinstance(change, dict):
        return _shown(change.get("removed", [])), _shown(change.get("added", []))
    if isinstance(change, list) and len(change) == 2:
        return _shown(change[0]), _shown(change[1])
    return "", _shown(change)


def _shown(value: object) -> str:
    """Personal values are opened for the reader; where their key is gone, the entry says so."""
    if value is None:
        return "–"
    if isinstance(value, dict) and "sealed" in value:
        try:
            return decrypt(value["sealed"])
        except InvalidToken:
            return str(_("(erased)"))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
