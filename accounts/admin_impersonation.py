"""The console's pages of impersonation: its form, on the page of the person, and the list of what was."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import fresh, impersonation
from accounts.live_impersonations import SESSION_KEY, may_stand_for
from accounts.models import Impersonation, User
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_lists import PeriodFilter
from portal.console_navigation import Tool
from portal.encryption import readable
from portal.errors import Refusal


class StartedFilter(PeriodFilter):
    column = "started_at"


class ImpersonateForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        min_length=impersonation.SHORTEST_REASON,
        max_length=impersonation.LONGEST_REASON,
        widget=forms.TextInput({"size": 80, "autocomplete": "off"}),
        help_text=_("The person reads it, and so do auditors."),
    )
    minutes = forms.TypedChoiceField(
        label=_("For how long"),
        coerce=int,
        choices=[
            (minutes, ngettext_lazy("%d minute", "%d minutes", minutes) % minutes)
            for minutes in impersonation.MINUTES
        ],
        initial=15,
        help_text=_("It ends by itself; you can end it before."),
    )
    may_write = forms.BooleanField(
        label=_("Act, not only look"),
        required=False,
        help_text=_(
            "Without it nothing can be changed or asked. With it you do what the person may, in their name, "
            "but for their account."
        ),
    )


class ImpersonatingMixin:
    """For the console's page of people: the way to the form, and the form."""

    admin_site: Any
    opts: Any

    def object_tools(self, request: HttpRequest, obj: User) -> list[Tool]:
        found = super().object_tools(request, obj)  # type: ignore[misc]
        if may_stand_for(request.user, obj):
            page = reverse("admin:accounts_user_impersonate", args=[obj.pk])
            found = [*found, Tool(_("Act as this person"), page, "person")]
        return found

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.impersonate_view)
        mine = path("<path:object_id>/impersonate/", page, name="accounts_user_impersonate")
        return [mine, *super().get_urls()]  # type: ignore[misc]

    def impersonate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """404 for whom one does not see, 403 as whom one may not act; then who one is, anew."""
        person = self.get_object(request, object_id)  # type: ignore[attr-defined]
        sent = request.POST if request.method == "POST" else None
        form = ImpersonateForm(sent, label_suffix="")
        if not may_stand_for(request.user, person):
            if request.method == "POST":
                self._start(request, person, {"reason": "", "minutes": 0})  # refuses, and says so
            raise PermissionDenied
        if form.is_valid():
            fresh.require(request)
            self._start(request, person, form.cleaned_data)
            return redirect("projects:home")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": person,
            "title": _("Act as %(person)s") % {"person": person.email},
            "crumb": _("Act as this person"),
            "form": form,
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/accounts/impersonate.html", context, status=status)

    def _start(self, request: HttpRequest, person: User, wanted: dict[str, Any]) -> None:
        """Pages that were loaded before can send nothing in the person's name."""
        stored = request.session.stored  # type: ignore[attr-defined]
        if stored is None:
            raise Refusal("permission_denied")
        row = impersonation.start(by=request.user, user=person, session=stored.uid, **wanted)
        request.session[SESSION_KEY] = row.uid
        rotate_token(request)


@admin.register(Impersonation)
class ImpersonationAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    area, place = "trail", 50
    list_name = _("Impersonations")  # type: ignore[assignment]
    intro = _(
        "Which platform admin acted as whom, why, and until when. What was done is in the trail, with both names."
    )
    next_step = _("Nobody has acted as somebody else.")
    list_display = ("started", "admin", "user", "rights", "over")
    list_filter = (StartedFilter, "may_write")
    list_select_related = ("admin", "user")
    sortable_by = ()
    search_fields = ("=admin__email", "=user__email")
    search_help_text = _("Finds exactly the e-mail of either person.")
    fields = ("started", "admin", "user", "why", "rights", "ends_at", "over")
    readonly_fields = ("started", "why", "rights", "over")

    def object_title(self, obj: Impersonation) -> str:
        return _("%(admin)s as %(user)s") % {"admin": obj.admin, "user": obj.user}

    def object_tools(self, request: HttpRequest, obj: Impersonation) -> list[Tool]:
        trail = f"{reverse('admin:audit_entry_changelist')}?actor_user_id={obj.admin_id}"
        person = reverse("admin:accounts_user_change", args=[obj.user_id])
        return [Tool(_("In the trail"), trail), Tool(_("Person"), person)]

    @admin.display(description=_("started"))
    def started(self, row: Impersonation) -> SafeString:
        return cells.when(row.started_at)

    @admin.display(description=_("reason"))
    def why(self, row: Impersonation) -> str:
        return readable(row, "reason") or str(_("(erased)"))

    @admin.display(description=_("rights"))
    def rights(self, row: Impersonation) -> SafeString:
        return cells.chip(_("acts"), "warn") if row.may_write else cells.chip(_("looks"))

    @admin.display(description=_("ended"))
    def over(self, row: Impersonation) -> SafeString:
        if row.ended_at is not None:
            return cells.chip(row.get_ending_display())
        if row.ends_at <= timezone.now():
            return cells.chip(impersonation.Ending.EXPIRED.label)
        return cells.chip(_("running"), "bad", "clock")
