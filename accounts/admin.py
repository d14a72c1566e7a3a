"""The console's pages of people; those of keys are in `accounts/key_admin.py`."""

from typing import Any

from allauth.account.admin import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import actions, factor_actions, fresh, key_admin, pending_admin, second_factor  # noqa: F401
from accounts.admin_impersonation import ImpersonatingMixin
from accounts.models import User
from portal import cells
from portal.console import ConsoleModelAdmin

# Roles in teams say who may do what; Django's groups would be a second, silent way. An address is the account's.
# Their pages are imported above, so that they are registered before they are taken out.
admin.site.unregister([Group, EmailAddress])


class UserForm(forms.ModelForm):
    """Nobody sets another's password: a new person sets their own through the link they are mailed."""

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_superuser", "is_auditor", "is_restricted")

    def clean_email(self) -> str:
        return self.cleaned_data["email"].strip().lower()

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        strong = found.get("is_superuser") or found.get("is_auditor")
        if found.get("is_restricted") and strong:
            raise forms.ValidationError(
                _("A restricted person is neither platform admin nor auditor."), code="restricted"
            )
        return found


_FACTOR_WORDS = {
    second_factor.ON: _("on"),
    second_factor.DUE: _("must set up"),
    second_factor.OFF: _("none"),
}


class SecondFactorFilter(admin.SimpleListFilter):
    """Who has one, who must set one up, and who has none and needs none."""

    title = _("second factor")
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(_FACTOR_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in _FACTOR_WORDS:
            return queryset
        return second_factor.in_state(queryset, str(self.value()))


@admin.register(User)
class UserAdmin(ImpersonatingMixin, ConsoleModelAdmin):
    """People are deactivated, not deleted: what they did stays theirs."""

    area, place = "people", 5
    intro = _(
        "People with an account. They are switched off, not deleted: what they did stays theirs."
    )
    next_step = _("Add the first person: they are mailed a link to set their password.")
    form = UserForm
    list_display = ("email", "name", "rights", "state", "factor", "last_seen")
    list_filter = ("is_active", "is_superuser", "is_auditor", "is_restricted", SecondFactorFilter)
    search_fields = ("email", "name")
    search_help_text = _("Searches e-mail and name.")
    readonly_fields = ("factor", "last_login", "date_joined")
    actions = ("deactivate", "end_sessions", "send_password_link", "reset_second_factor")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "name", "is_active")}),
        (_("Rights"), {"fields": ("is_superuser", "is_auditor", "is_restricted")}),
        (_("Sign-in"), {"fields": ("factor",)}),
        (_("History"), {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return second_factor.with_state(super().get_queryset(request))

    @admin.display(description=_("second factor"))
    def factor(self, user: User) -> SafeString:
        state = user.second_factor_state if user.pk else second_factor.OFF
        if state == second_factor.OFF:
            return cells.NOTHING
        is_on = state == second_factor.ON
        return cells.chip(
            _FACTOR_WORDS[state], "good" if is_on else "warn", "check" if is_on else ""
        )

    @admin.display(description=_("rights"))
    def rights(self, user: User) -> SafeString:
        if user.is_superuser:
            return cells.chip(_("platform admin"), "warn")
        if user.is_auditor:
            return cells.chip(_("auditor"), "shade")
        return cells.chip(_("restricted")) if user.is_restricted else cells.NOTHING

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, user: User) -> SafeString:
        return cells.switch(user.is_active)

    @admin.display(description=_("last sign-in"), ordering="last_login")
    def last_seen(self, user: User) -> SafeString:
        return cells.when(user.last_login)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Nobody changes their own rights."""
        own = obj is not None and obj.pk == request.user.pk
        rights = ("is_active", "is_superuser", "is_auditor", "is_restricted") if own else ()
        return (*self.readonly_fields, *rights)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        changed = form.changed_data if change else actions.USER_FIELDS
        actions.save_user(by=request.user, user=obj, fields=changed)
        if not change:
            self.message_user(request, _("They are mailed a link to set their password."))

    @admin.action(description=_("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet) -> None:
        for user in self._others(request, queryset):
            actions.deactivate(by=request.user, user=user)
        self.message_user(request, _("They are signed out, and their keys are dead."))

    @admin.action(description=_("End all sessions"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet) -> None:
        for user in self._changeable(request, queryset):
            actions.end_sessions(by=request.user, user=user)
        self.message_user(request, _("Their sessions have ended."), messages.SUCCESS)

    @admin.action(description=_("Mail a link to set the password"), permissions=["change"])
    def send_password_link(self, request: HttpRequest, queryset: QuerySet) -> None:
        for user in self._changeable(request, queryset.filter(is_active=True)):
            actions.send_password_link(by=request.user, user=user)
        self.message_user(request, _("The links are on their way."), messages.SUCCESS)

    @admin.action(description=_("Reset the second factor"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Of others only: who can still sign in replaces or removes their own on their account page."""
        fresh.require(request)
        for user in self._others(request, queryset):
            factor_actions.reset(by=request.user, user=user)
        self.message_user(request, _("It is gone, and their sessions have ended."))

    def _changeable(self, request: HttpRequest, queryset: QuerySet) -> list[User]:
        return [user for user in queryset if self.has_change_permission(request, user)]

    def _others(self, request: HttpRequest, queryset: QuerySet) -> list[User]:
        return self._changeable(request, queryset.exclude(pk=request.user.pk))
