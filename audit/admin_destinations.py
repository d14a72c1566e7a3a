"""The console's pages of where the trail is forwarded to: who gets what, and how far each of them is."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from audit.destination_actions import (
    begin_forwarding,
    note_test,
    set_paused,
    test_destination,
)
from audit.destination_forms import OF_SYSLOG, OF_WEBHOOK, DestinationForm
from audit.destinations import Destination
from audit.forwarding import following
from audit.forwarding.failures import WORDS
from audit.forwarding.progress import lag_of, long_failing, with_lag
from portal import cells, sensitive, start_page, weakenings
from portal.console import ConsoleModelAdmin
from portal.console_navigation import Tool
from portal.start_page import Notice, Scope
from portal.tenancy import own_transactions, scope_of, tenant

GETS = (
    *("format", "sends_entries", "sends_done", "sends_refused", "sends_failed", "actions"),
    *("sends_checkpoints", "includes_personal", "holds_retention"),
)
NOW = ("state", "behind", "last_success", "last_error", "sent")
SHOWN = {"new_secret": "stored_secret", "new_client_key": "stored_client_key"}


@admin.register(Destination)
class DestinationAdmin(ConsoleModelAdmin):
    area, place = "trail", 20
    list_name = _("Forwarding")  # type: ignore[assignment]
    intro = _(
        "Who gets the trail as it is written: log servers by syslog, and other systems by webhook. Each gets every entry "
        "at least once, in order, also after it was away for long."
    )
    next_step = _("Add the log server or SIEM of your organisation.")
    form = DestinationForm
    list_display = ("name", "kind", "where", "gets", "state", "behind", "last_success")
    list_filter = ("kind", "is_paused")
    search_fields = ("name", "host", "url")
    search_help_text = _("Searches name, host and URL.")
    actions = ("pause", "resume")
    readonly_fields = (*NOW, *SHOWN.values())

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return with_lag(super().get_queryset(request).defer("secret", "client_key"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a stored one what its kind has; who only looks is not asked for secrets."""
        may = self.has_change_permission(request, obj) if obj else True
        first = ["name", "kind"] + (["is_paused"] if obj else [])
        gets = [*GETS, *([] if obj else ["from_beginning"])]
        found: list[Any] = [
            (None, {"fields": first}),
            (_("What it gets"), {"fields": gets}),
        ]
        if obj is None or obj.kind == Destination.Kind.SYSLOG:
            words = "" if obj else _("For syslog only; a webhook needs none of this.")
            asked = self._asked(OF_SYSLOG, obj, may=may)
            found.append((_("Syslog"), {"fields": asked, "description": words}))
        if obj is None or obj.kind == Destination.Kind.WEBHOOK:
            asked = self._asked(OF_WEBHOOK, obj, may=may)
            asked += ["ca_certificate"] if obj else []
            words = "" if obj else _("For webhooks only.")
            found.append((_("Webhook"), {"fields": asked, "description": words}))
        if obj is not None:
            found.insert(0, (_("Now"), {"fields": NOW}))
        return found

    @staticmethod
    def _asked(names: tuple[str, ...], obj: Any, *, may: bool) -> list[str]:
        found = []
        for name in names:
            if name in SHOWN and obj is not None:
                found.append(SHOWN[name])
            if name not in SHOWN or may:
                found.append(name)
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, *(["kind", "from_beginning"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        place = None if change else following.start(from_beginning=obj.from_beginning)
        super().save_model(request, obj, form, change)
        begin_forwarding(by=request.user, destination=obj, place=place)

    def object_tools(self, request: HttpRequest, obj: Destination) -> list[Tool]:
        if not self.has_change_permission(request, obj):
            return []
        label = "admin:audit_destination"
        turn = ("resume", _("Resume")) if obj.is_paused else ("pause", _("Pause"))
        return [
            Tool(_("Send a test message"), reverse(f"{label}_test", args=[obj.pk]), "plug", True),
            Tool(turn[1], reverse(f"{label}_{turn[0]}", args=[obj.pk]), "", True),
        ]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        test = own_transactions(view(require_POST(self.test_view)))
        return [
            path("<path:object_id>/test/", test, name="audit_destination_test"),
            path(
                "<path:object_id>/pause/",
                view(require_POST(self.pause_view)),
                {"is_paused": True},
                name="audit_destination_pause",
            ),
            path(
                "<path:object_id>/resume/",
                view(require_POST(self.pause_view)),
                {"is_paused": False},
                name="audit_destination_resume",
            ),
            *super().get_urls(),
        ]

    def pause_view(self, request: HttpRequest, object_id: str, *, is_paused: bool) -> HttpResponse:
        destination = self.get_object(request, object_id)
        if not self.has_change_permission(request, destination):
            raise PermissionDenied

        def deed() -> HttpResponse:
            self._set_paused(request, destination, is_paused)
            messages.success(request, _("Paused.") if is_paused else _("Resumed."))
            page = reverse("admin:audit_destination_change", args=[destination.pk])
            return HttpResponseRedirect(page)

        return weakenings.at_door(request, deed, model=Destination, key=object_id)

    def _set_paused(self, request: HttpRequest, destination: Destination, is_paused: bool) -> None:
        before = sensitive.stored(destination)
        destination.is_paused = is_paused
        sensitive.require(request, Destination, before, destination)
        set_paused(by=request.user, destination=destination, is_paused=is_paused)

    @admin.action(description=_("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> None:
        for destination in queryset:
            self._set_paused(request, destination, True)

    @admin.action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> None:
        for destination in queryset:
            self._set_paused(request, destination, False)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sends with the stored secrets, so it takes the right to change. No transaction waits for the receiver."""
        with tenant(scope_of(request.user), atomic=True):
            destination = self.get_object(request, object_id)
            if not self.has_change_permission(request, destination):
                raise PermissionDenied
            note_test(by=request.user, destination=destination)
            destination.refresh_from_db(fields=["secret", "client_key"])
        tested = test_destination(destination)
        with tenant(scope_of(request.user)):
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": destination,
                "title": _("Test of %(name)s") % {"name": destination.name},
                "crumb": _("Test"),
                "tools": self.object_tools(request, destination),
                "tested": tested,
                "words": WORDS.get(tested.failure, ""),
            }
            return TemplateResponse(request, "admin/audit/destination_test.html", context).render()

    @admin.display(description=_("where"))
    def where(self, destination: Destination) -> Any:
        return format_html("<code>{}</code>", destination.address)

    @admin.display(description=_("gets"))
    def gets(self, destination: Destination) -> Any:
        parts = []
        if destination.sends_entries:
            some = destination.actions or len(destination.outcomes) < 3
            parts.append(_t("some entries") if some else _t("entries"))
        if destination.sends_checkpoints:
            parts.append(_t("checkpoints"))
        return f"{', '.join(parts)} · {destination.format.upper()}"

    @admin.display(description=_("state"))
    def state(self, destination: Destination) -> Any:
        forwarding = getattr(destination, "forwarding", None)
        if destination.is_paused:
            return cells.chip(_("paused"), "warn")
        if forwarding is not None and forwarding.failures:
            return cells.chip(_("failing"), "bad")
        if forwarding is None or forwarding.success_at is None:
            return cells.chip(_("nothing sent yet"))
        if lag_of(destination).is_behind:
            return cells.chip(_("catching up"), "warn")
        return cells.chip(_("up to date"), "good")

    @admin.display(description=_("behind"))
    def behind(self, destination: Destination) -> Any:
        """Entries that it has not got yet, and since when the first of them waits."""
        lag = lag_of(destination)
        if not lag.entries or lag.oldest is None:
            return cells.NOTHING
        words = ngettext("%(count)s entry", "%(count)s entries", lag.entries)
        words %= {"count": f"{lag.entries:,}"}
        return format_html("{}, {} {}", words, _("the first"), cells.when(lag.oldest))

    @admin.display(description=_("last success"))
    def last_success(self, destination: Destination) -> Any:
        forwarding = getattr(destination, "forwarding", None)
        return cells.when(forwarding.success_at if forwarding else None)

    @admin.display(description=_("last error"))
    def last_error(self, destination: Destination) -> Any:
        forwarding = getattr(destination, "forwarding", None)
        if forwarding is None or not forwarding.error:
            return cells.NOTHING
        detail = f" ({forwarding.detail})" if forwarding.detail else ""
        words = WORDS.get(forwarding.error, forwarding.error)
        shown = format_html("{} · {}{}", cells.when(forwarding.error_at), words, detail)
        if not forwarding.failures or forwarding.next_at is None or destination.is_paused:
            return shown
        again = cells.when(forwarding.next_at)
        return format_html("{} · {} {}", shown, _("next attempt"), again)

    @admin.display(description=_("entries sent"))
    def sent(self, destination: Destination) -> Any:
        forwarding = getattr(destination, "forwarding", None)
        return cells.number(forwarding.sent if forwarding else None)

    @admin.display(description=_("stored secret"), empty_value="–")
    def stored_secret(self, destination: Destination) -> str | None:
        return destination.masked_secret or None

    @admin.display(description=_("stored client key"))
    def stored_client_key(self, destination: Destination) -> Any:
        """Whether there is one; nothing of it is shown."""
        return cells.chip(_("stored")) if destination.__dict__.get("client_key") else cells.NOTHING


def notices(scope: Scope) -> list[Notice]:
    """On the start page, for who may look at destinations."""
    if scope.teams is not None or not scope.user.has_perm("audit.view_destination"):
        return []
    return [
        Notice(
            "bad",
            _("Forwarding the trail to %(name)s has been failing; it began %(when)s.")
            % {"name": row.name, "when": cells.relative(row.forwarding.failing_since)},
            reverse("admin:audit_destination_change", args=[row.pk]),
            _("See why"),
        )
        for row in long_failing()
    ]


start_page.register_notices(notices)
