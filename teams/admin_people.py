"""The console's pages of who is in which team, as what."""

from typing import Any

from django.contrib import admin
from django.forms import CharField, EmailInput, ModelForm, ValidationError
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from portal import cells
from portal.console import ConsoleModelAdmin
from portal.console_navigation import Tool
from portal.errors import Refusal
from portal.tenancy import own_transactions, scope_of, tenant
from teams import newcomers
from teams.actions import (
    FromGroups,
    LastOwner,
    OwnersOnly,
    TooStrong,
    add_member,
    change_role,
    check_change,
    check_removal,
    remove_member,
)
from teams.custom_role_field import CustomRoleFormMixin
from teams.models import Membership, role_name


class MembershipForm(CustomRoleFormMixin, ModelForm):
    """Asks the same rules as the actions, so that the page says why."""

    actor: Any = None

    class Meta:
        model = Membership
        fields = ("team", "user", "role", "custom_role")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if self.errors or "role" not in found:
            return found
        self.instance.team = found.get("team") or self.instance.team
        try:
            check_change(
                by=self.actor,
                membership=self.instance,
                role=found["role"],
                custom_role=found.get("custom_role"),
            )
        except Refusal as refusal:
            raise ValidationError(WORDS.get(type(refusal), refusal.message)) from None
        return found


class NewcomerForm(MembershipForm):
    """For who does not see all accounts: the person is named by address, also one whom they do not see.

    An id, as the list of platform admins sends it, names only people whom they see.
    """

    user = CharField(
        label=_("e-mail address"),
        max_length=254,
        widget=EmailInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Exactly as the account has it; nothing of accounts is suggested here."),
    )

    def clean_user(self) -> User:
        named = self.cleaned_data["user"]
        if named.isdecimal():
            found = User.objects.visible_to(self.actor).filter(pk=named[:18]).first()
        else:
            found = newcomers.person(by=self.actor, address=named)
        if found is None:
            raise ValidationError(newcomers.NOBODY)
        return found


WORDS: dict[type, Any] = {
    OwnersOnly: _("Only owners make or change owners."),
    LastOwner: _("A team keeps at least one owner."),
    TooStrong: _(
        "This role may more in this team than yours: nobody gives or takes away what they do not hold."
    ),
    FromGroups: _("This membership comes from groups, and changes with them."),
}


@admin.register(Membership)
class MembershipAdmin(ConsoleModelAdmin):
    deletes_in_bulk = False
    area, place = "people", 20
    intro = _(
        "Who is in which team, as what. Owners and admins manage the team; members chat; viewers look."
    )
    next_step = _("Put a person into a team, and choose their role.")
    form = MembershipForm
    list_display = ("user", "team", "as_what", "whence")
    list_select_related = ("user", "team", "custom_role")
    list_filter = ("role", "from_groups", ("team", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__email", "user__name", "team__slug")
    search_help_text = _("Searches the person's e-mail and name, and the team's slug.")
    autocomplete_fields = ("team", "user")

    @admin.display(description=_("role"), ordering="role")
    def as_what(self, membership: Membership) -> SafeString:
        return cells.chip(role_name(membership))

    @admin.display(description=_("comes from"), ordering="from_groups")
    def whence(self, membership: Membership) -> SafeString:
        return cells.chip(_("groups")) if membership.from_groups else cells.NOTHING

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        return [Tool(_("What roles may"), reverse("admin:roles"))]

    def object_tools(self, request: HttpRequest, obj: Membership) -> list[Tool]:
        return [Tool(_("What roles may"), reverse("admin:roles"))]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What groups give is changed by them; only platform admins make it somebody's own."""
        if obj is not None and obj.from_groups and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None and not request.user.is_superuser:
            kwargs["form"] = NewcomerForm
        form = super().get_form(request, obj, **kwargs)
        return type("BoundMembershipForm", (form,), {"actor": request.user})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Links name a person by id; the form of who does not see all accounts, by address."""
        found: dict[str, Any] = super().get_changeform_initial_data(request)
        if "user" in found and not request.user.is_superuser:
            named = found.pop("user")
            seen = User.objects.visible_to(request.user)
            person = seen.filter(pk=named).first() if named.isdecimal() else None
            return found if person is None else {**found, "user": person.email}
        return found

    @own_transactions
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """How many unseen addresses somebody named is counted outside of transactions."""
        is_sent = request.method == "POST" and self.has_add_permission(request)
        address = request.POST.get("user") if is_sent else None
        attempt = newcomers.attempt(by=request.user, address=address)
        with tenant(scope_of(request.user)):
            answer = super().add_view(request, form_url, extra_context)
            if isinstance(answer, TemplateResponse):
                return answer.render()
            attempt.succeeded()
            return answer

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("team", "user", "role", "custom_role", *(() if obj is None else ("whence",)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("team", "user", "whence")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            change_role(by=request.user, membership=obj, role=obj.role, custom_role=obj.custom_role)
            return
        made = add_member(
            by=request.user,
            team=obj.team,
            user=obj.user,
            role=obj.role,
            custom_role=obj.custom_role,
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(by=request.user, membership=obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        if obj is None:
            return True
        try:
            check_removal(by=request.user, membership=obj)
        except Refusal:
            return False
        return True
