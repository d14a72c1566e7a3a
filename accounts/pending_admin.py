"""The console's pages of pending changes: what waits, what it would change, and the deeds of whoever decides."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts import fresh, pending_actions, two_person
from accounts.models import PendingChange
from accounts.pending_words import steps_in_words
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_navigation import Tool
from portal.errors import Refusal
from portal.keyring import Unreadable

TONES = {"waiting": "warn", "approved": "good", "rejected": "bad"}


class StateFilter(admin.SimpleListFilter):
    """What waits, and what was decided how."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("waiting")), *PendingChange.Decision.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_state(self.value()) if self.value() else queryset


class NoteForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=pending_actions.LONGEST_NOTE,
        widget=forms.TextInput({"size": 80, "autocomplete": "off"}),
        help_text=_("Who proposed it reads it; it stays in the trail."),
    )


@admin.register(PendingChange)
class PendingChangeAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 45
    list_name = _("Pending changes")  # type: ignore[assignment]
    intro = _(
        "What weakens something waits here for a second person, while the two-person rule is on. Somebody else "
        "than who proposed it approves or rejects it; after a week it expires."
    )
    next_step = _("Nothing waits. The two-person rule is one of the platform's settings.")
    list_display = ("what", "state", "proposer", "proposed", "ends")
    list_filter = (StateFilter, "verb")
    list_select_related = ("proposed_by", "decided_by")
    sortable_by = ()
    search_fields = ("target_label", "=uid", "=proposed_by__email")
    search_help_text = _("Searches what it is about; finds exactly its id and who proposed it.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("proposed_by", "decided_by")

    def object_title(self, obj: PendingChange) -> str:
        return f"{obj.get_verb_display().capitalize()}: {obj.target_label}"

    def object_tools(self, request: HttpRequest, obj: PendingChange) -> list[Tool]:
        """The page of what it is about, while that is there."""
        model = apps.get_model(obj.target_model)
        if not obj.target_id:
            return []
        if not model.objects.visible_to(request.user).filter(pk=obj.target_id).exists():
            return []
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return [Tool(_("Show what it is about"), reverse(page, args=[obj.target_id]), "open")]

    def get_urls(self) -> list[Any]:
        deeds = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"accounts_pendingchange_{name}",
            )
            for name, view in (
                ("approve", self.approve_view),
                ("reject", self.reject_view),
                ("withdraw", self.withdraw_view),
            )
        ]
        return [*deeds, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """What it would change, in words, and what one may do with it."""
        if object_id is None or request.method == "POST":
            raise PermissionDenied
        change = self.get_object(request, object_id)
        if not self.has_view_permission(request, change):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": change,
            "title": self.object_title(change),
            "change": change,
            "state": self.state(change),
            "tools": self.object_tools(request, change),
            **self._standing(request, change),
        }
        return TemplateResponse(request, "admin/accounts/pending_change.html", context)

    def _standing(self, request: HttpRequest, change: PendingChange) -> dict[str, Any]:
        try:
            steps = steps_in_words(change.content["steps"], request.user)
        except Unreadable:
            return {"steps": [], "is_unreadable": True}
        if not change.waits:
            return {"steps": steps}
        is_mine = two_person.acting_person(request).pk == change.proposed_by_id
        may_decide = not is_mine and two_person.may_decide(request.user, change)
        return {
            "steps": steps,
            "is_mine": is_mine,
            "may_decide": may_decide,
            "nobody": not may_decide and not two_person.somebody_could_approve(change),
            "form": NoteForm(label_suffix=""),
        }

    def approve_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._decidable(request, object_id)
        fresh.require(request)
        done = pending_actions.approve(by=request.user, change=change, note=self._note(request))
        if done.decision == PendingChange.Decision.APPROVED:
            self.message_user(request, _("Approved, and made."), messages.SUCCESS)
        else:
            words = _("Nothing was changed: %(why)s")
            why = done.note or done.get_decision_display()
            self.message_user(request, words % {"why": why}, messages.WARNING)
        return self._back(done)

    def reject_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._decidable(request, object_id)
        done = pending_actions.reject(by=request.user, change=change, note=self._note(request))
        self.message_user(request, _("Rejected; nothing was changed."))
        return self._back(done)

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._decidable(request, object_id)
        done = pending_actions.withdraw(by=request.user, change=change)
        self.message_user(request, _("Withdrawn; nothing was changed."))
        return self._back(done)

    def _decidable(self, request: HttpRequest, object_id: str) -> PendingChange:
        change: PendingChange = self.get_object(request, object_id)
        if not self.has_view_permission(request, change):
            raise PermissionDenied
        return change

    def _note(self, request: HttpRequest) -> str:
        form = NoteForm(request.POST)
        if not form.is_valid():
            raise Refusal("validation_failed", fields=dict(form.errors))
        return str(form.cleaned_data["note"])

    def _back(self, change: PendingChange) -> HttpResponse:
        return redirect(reverse("admin:accounts_pendingchange_change", args=[change.pk]))

    @admin.display(description=_("what"), ordering="target_label")
    def what(self, change: PendingChange) -> str:
        return self.object_title(change)

    @admin.display(description=_("state"))
    def state(self, change: PendingChange) -> SafeString:
        words = _("waiting") if change.waits else PendingChange.Decision(change.state).label
        symbol = {"waiting": "clock", "approved": "check", "rejected": "stop"}.get(change.state, "")
        return cells.chip(words, TONES.get(change.state, ""), symbol)

    @admin.display(description=_("proposed by"))
    def proposer(self, change: PendingChange) -> Any:
        return change.proposed_by or cells.NOTHING

    @admin.display(description=_("proposed"))
    def proposed(self, change: PendingChange) -> SafeString:
        return cells.when(change.proposed_at)

    @admin.display(description=_("expires"))
    def ends(self, change: PendingChange) -> SafeString:
        return cells.when(change.expires_at) if change.waits else cells.NOTHING
