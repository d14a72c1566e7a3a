"""The console's pages of who is in which team, as what."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm, ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin
from teams.actions import (
    LastOwner,
    OwnersOnly,
    change_role,
    check_change,
    check_removal,
    remove_member,
)
from teams.models import Membership


class MembershipForm(ModelForm):
    """Asks the same rules as the actions, so that the page says why."""

    actor: Any = None

    class Meta:
        model = Membership
        fields = ("team", "user", "role")

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if "role" in found:
            try:
                check_change(by=self.actor, membership=self.instance, role=found["role"])
            except OwnersOnly:
                raise ValidationError(_("Only owners make or change owners.")) from None
            except LastOwner:
                raise ValidationError(_("A team keeps at least one owner.")) from None
        return found


@admin.register(Membership)
class MembershipAdmin(ConsoleModelAdmin):
    area, place = "people", 20
    intro = _(
        "Who is in which team, as what. Owners and admins manage the team; members chat; viewers look."
    )
    next_step = _("Put a person into a team, and choose their role.")
    form = MembershipForm
    list_display = ("user", "team", "as_what")
    list_select_related = ("user", "team")
    list_filter = ("role", ("team", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__email", "user__name", "team__slug")
    search_help_text = _("Searches the person's e-mail and name, and the team's slug.")
    autocomplete_fields = ("team", "user")

    @admin.display(description=_("role"), ordering="role")
    def as_what(self, membership: Membership) -> SafeString:
        return cells.chip(membership.get_role_display())

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return type("BoundMembershipForm", (form,), {"actor": request.user})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("team", "user")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            change_role(by=request.user, membership=obj, role=obj.role)
        else:
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(by=request.user, membership=obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        if obj is None:
            return True
        try:
            check_removal(by=request.user, membership=obj)
        except (OwnersOnly, LastOwner):
            return False
        return True

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Removal asks row by row: no bulk deletion here."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found
