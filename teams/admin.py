"""The console's pages of teams, memberships and grants."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import BooleanField, FileField, ModelForm, ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import fresh
from portal import cells
from portal.console import ConsoleModelAdmin, ConsoleTabularInline
from portal.console_navigation import Tool
from teams.actions import (
    LastOwner,
    OwnersOnly,
    change_role,
    check_change,
    check_removal,
    remove_member,
)
from teams.logos import redrawn
from teams.models import Branding, Grant, Membership, Team


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
    inlines = (GrantInline,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        common = ("name", "slug", "allowed_addresses", "second_factor_required")
        return common if obj is None else (*common, "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "people": Count("memberships", distinct=True),
            "models_granted": Count("grants", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    def object_tools(self, request: HttpRequest, obj: Team) -> list[Tool]:
        start = f"{reverse('admin:index')}?team={obj.slug}"
        people = _("People: %d") % obj.people  # type: ignore[attr-defined]
        tools = [
            Tool(
                people, f"{reverse('admin:teams_membership_changelist')}?team__id__exact={obj.pk}"
            ),
            Tool(_("Add a person"), self._add_person(obj), "plus"),
            Tool(_("Figures"), start),
        ]
        if request.user.has_perm("teams.change_branding", obj):
            tools.append(Tool(_("Branding"), self._branding(obj)))
        return tools

    def _branding(self, obj: Team) -> str:
        found = Branding.of(obj)
        if found:
            return reverse("admin:teams_branding_change", args=[found.pk])
        return f"{reverse('admin:teams_branding_add')}?team={obj.pk}"

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With a team its memberships, the last owner's included, and its grants go: they stay only while it does."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        with_it = {model._meta.verbose_name for model in (Membership, Grant)}
        return found, counts, needed - with_it, protected

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
        if obj is None:
            return ()
        stays = obj.second_factor_required and not request.user.has_perm("teams.manage_owners", obj)
        return ("slug", "created_at", *(("second_factor_required",) if stays else ()))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Whether a second factor is demanded is a security setting: it changes after fresh authentication only."""
        if change and "second_factor_required" in form.changed_data:
            fresh.require(request)
        return super().save_form(request, form, change)

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


class BrandingForm(ModelForm):
    """The logo comes as a file, and is drawn anew before anything keeps it."""

    logo_file = FileField(
        label=_("New logo"),
        required=False,
        help_text=_("PNG, JPEG, WebP or GIF, at most 512 KiB. Shown 28 pixels high."),
    )
    without_logo = BooleanField(
        label=_("Remove the logo"), required=False, help_text=_("Shows the platform's gate again.")
    )

    class Meta:
        model = Branding
        fields = ("team", "app_name", "accent", "accent_dark")

    def clean_logo_file(self) -> bytes | None:
        upload = self.cleaned_data["logo_file"]
        return redrawn(upload) if upload else None

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("without_logo"):
            self.instance.set_logo(b"")
        elif self.cleaned_data.get("logo_file"):
            self.instance.set_logo(self.cleaned_data["logo_file"])
        return super().save(commit)


@admin.register(Branding)
class BrandingAdmin(ConsoleModelAdmin):
    area, place = "people", 40
    list_name = _("Branding")  # type: ignore[assignment]
    intro = _("Name, colour and logo on a team's own pages. Other teams never see them.")
    next_step = _("Choose a team, and give its pages a name and a colour.")
    form = BrandingForm
    fieldsets = (
        (None, {"fields": ("team", "app_name")}),
        (_("Colours"), {"fields": ("accent", "accent_dark")}),
        (_("Logo"), {"fields": ("picture", "logo_file", "without_logo")}),
    )
    list_display = ("team", "app_name", "colours", "has_logo")
    list_select_related = ("team",)
    search_fields = ("team__slug", "team__name", "app_name")
    search_help_text = _("Searches the team's slug and name, and the app name.")
    autocomplete_fields = ("team",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("logo")

    @admin.display(description=_("colours"), ordering="accent")
    def colours(self, branding: Branding) -> SafeString:
        if not branding.accent:
            return cells.NOTHING
        return format_html(
            "<code>{}</code> · <code>{}</code>", branding.accent, branding.dark_accent
        )

    @admin.display(description=_("logo"), ordering="logo_hash")
    def has_logo(self, branding: Branding) -> SafeString:
        return cells.chip(_("own")) if branding.logo_hash else cells.NOTHING

    @admin.display(description=_("now"))
    def picture(self, branding: Branding) -> SafeString:
        if not branding.logo_hash:
            return cells.chip(_("the platform's gate"))
        address = reverse("branding_logo", args=[branding.team.slug, branding.logo_hash])
        return format_html('<img class="logo" src="{}" alt="{}">', address, _("The logo"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("picture",) if obj is None else ("picture", "team")

    def object_tools(self, request: HttpRequest, obj: Branding) -> list[Tool]:
        return [Tool(_("Team"), reverse("admin:teams_team_change", args=[obj.team_id]))]
