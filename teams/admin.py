"""The console's pages of teams, memberships and grants."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import ModelForm, ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin, ConsoleTabularInline
from portal.console_navigation import Tool
from teams.actions import LastOwner, OwnersOnly, check_change, check_removal
from teams.models import Grant, Membership, Team


class MembershipInline(ConsoleTabularInline):
    """Read here, changed on the pages of their own, where the rules about owners are asked."""

    model = Membership
    fields = ("user", "role")
    readonly_fields = ("user", "role")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GrantInline(ConsoleTabularInline):
    model = Grant
    autocomplete_fields = ("model",)


@admin.register(Team)
class TeamAdmin(ConsoleModelAdmin):
    area, place = "people", 10
    intro = _(
        "Groups of people, with roles. A team owns its projects, keys and guards; no other team sees them."
    )
    next_step = _("Create the first team, put people into it, and grant it a model.")
    ordering = ("name",)
    list_display = ("name", "slug", "members", "granted_models", "created")
    search_fields = ("name", "slug")
    search_help_text = _("Searches name and slug.")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("created_at",)
    inlines = (MembershipInline, GrantInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "people": Count("memberships", distinct=True),
            "models_granted": Count("grants", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    def object_tools(self, request: HttpRequest, obj: Team) -> list[Tool]:
        start = f"{reverse('admin:index')}?team={obj.slug}"
        return [Tool(_("Figures"), start), Tool(_("Add a person"), self._add_person(obj), "plus")]

    def _add_person(self, obj: Team) -> str:
        return f"{reverse('admin:teams_membership_add')}?team={obj.pk}"

    @admin.display(description=_("people"), ordering="people")
    def members(self, team: Team) -> SafeString:
        return cells.number(team.people)  # type: ignore[attr-defined]

    @admin.display(description=_("models"), ordering="models_granted")
    def granted_models(self, team: Team) -> SafeString:
        return cells.number(team.models_granted)  # type: ignore[attr-defined]

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, team: Team) -> SafeString:
        return cells.when(team.created_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("created_at",) if obj is None else ("slug", "created_at")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ("name",)}


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


@admin.register(Grant)
class GrantAdmin(ConsoleModelAdmin):
    area, place = "people", 30
    intro = _("Which team may use which model. Taking a grant away stops the next exchange.")
    next_step = _("A team reaches only the models that it is granted: grant the first one.")
    list_display = ("team", "model")
    list_select_related = ("team", "model")
    list_filter = (("team", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("team__slug", "model__name")
    search_help_text = _("Searches the team's slug and the model's name.")
    autocomplete_fields = ("team", "model")
