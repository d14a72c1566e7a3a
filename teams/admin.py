"""The console's pages of teams and grants; the other pages of this room register by being imported."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import fresh
from portal import cells
from portal.console import ConsoleModelAdmin, ConsoleTabularInline
from portal.console_navigation import Tool
from teams import (  # noqa: F401 - they register their pages
    admin_branding,
    admin_groups,
    admin_people,
    admin_roles,
)
from teams.admin_removal import ArchivedFilter, TeamRemovalMixin, with_archive
from teams.models import Branding, Grant, Team


class GrantInline(ConsoleTabularInline):
    model = Grant
    autocomplete_fields = ("model",)


@admin.register(Team)
class TeamAdmin(TeamRemovalMixin, ConsoleModelAdmin):
    area, place = "people", 10
    intro = _(
        "Groups of people, with roles. A team owns its projects, keys and guards; no other team sees them."
    )
    next_step = _("Create the first team, put people into it, and grant it a model.")
    ordering = ("name",)
    list_display = ("name", "slug", "members", "granted_models", "created", "state")
    list_filter = (ArchivedFilter,)
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
        return with_archive(super().get_queryset(request)).annotate(**counts)

    def object_tools(self, request: HttpRequest, obj: Team) -> list[Tool]:
        start = f"{reverse('admin:index')}?team={obj.slug}"
        people = _("People: %d") % obj.people  # type: ignore[attr-defined]
        tools = [Tool(_("Figures"), start)]
        if request.user.has_perm("teams.add_membership", obj):
            tools.insert(0, Tool(_("Add a person"), self._add_person(obj), "plus"))
        if request.user.has_perm("teams.view_membership", obj):
            rows = f"{reverse('admin:teams_membership_changelist')}?team__id__exact={obj.pk}"
            tools.insert(0, Tool(people, rows))
        if request.user.has_perm("teams.change_branding", obj):
            tools.append(Tool(_("Branding"), self._branding(obj)))
        return [*tools, *self.removal_tools(request, obj)]

    def _branding(self, obj: Team) -> str:
        found = Branding.of(obj)
        if found:
            return reverse("admin:teams_branding_change", args=[found.pk])
        return f"{reverse('admin:teams_branding_add')}?team={obj.pk}"

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

    @admin.display(description=_("state"))
    def state(self, team: Team) -> SafeString:
        archived = team.is_archived  # type: ignore[attr-defined]
        return cells.chip(_("archived")) if archived else cells.chip(_("in use"), "good")

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
