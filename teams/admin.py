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
    admin_grants,
    admin_groups,
    admin_holds,
    admin_people,
    admin_roles,
)
from teams.admin_removal import ArchivedFilter, TeamRemovalMixin, with_archive
from teams.models import Branding, Grant, Team
from teams.models.teams import LIMITS
from teams.ties import ties

BY_PLATFORM_ADMINS = _("What limits the team is shown here; only platform admins change it.")


class GrantInline(ConsoleTabularInline):
    model = Grant
    autocomplete_fields = ("model",)


@admin.register(Team)
class TeamAdmin(TeamRemovalMixin, ConsoleModelAdmin):
    area, place = "people", 10
    history_rows = (
        ("teams.Membership", "team"),
        ("teams.CustomRole", "team"),
        ("teams.GroupMapping", "team"),
        ("teams.Branding", "team"),
    )
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

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What limits the team is shown to those who run it, and set by platform admins."""
        shown = ("created_at",) if obj is not None else ()
        about = "" if request.user.has_perm("teams.set_limits", obj) else BY_PLATFORM_ADMINS
        spending = ("spending",) if obj is not None else ()
        return (
            (None, {"fields": ("name", "slug", *shown)}),
            (_("Who gets in"), {"fields": ("allowed_addresses", "second_factor_required")}),
            (
                _("Limits, set by platform admins"),
                {
                    "fields": ("requests_per_minute", "monthly_budget", *spending),
                    "description": about,
                },
            ),
            (
                _("Retention and regions, set by platform admins"),
                {
                    "fields": (
                        *("content_hours", "conversation_days", "usage_days", "event_days"),
                        "allowed_regions",
                    ),
                    "description": about,
                },
            ),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "people": Count("memberships", distinct=True),
            "models_granted": Count("grants", distinct=True),
        }
        rows = with_archive(super().get_queryset(request)).annotate(**counts)
        return ties().joined(rows, request.user)

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

    @admin.display(description=_("spent this month"))
    def spending(self, team: Team) -> str:
        """Beside the budget where there is one."""
        month = ties().month(team)
        if month is None:
            return str(cells.NOTHING)
        if month.budget is None or month.remaining is None:
            return cells.money(month.spent)
        words = _("%(spent)s of %(budget)s; %(remaining)s remain")
        return words % {
            "spent": cells.money(month.spent),
            "budget": cells.money(month.budget),
            "remaining": cells.money(month.remaining),
        }

    @admin.display(description=_("state"))
    def state(self, team: Team) -> SafeString:
        archived = team.is_archived  # type: ignore[attr-defined]
        return cells.chip(_("archived")) if archived else cells.chip(_("in use"), "good")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = [] if request.user.has_perm("teams.set_limits", obj) else list(LIMITS)
        if obj is None:
            return tuple(fixed)
        if obj.second_factor_required and not request.user.has_perm("teams.manage_owners", obj):
            fixed.append("second_factor_required")
        return ("slug", "created_at", "spending", *fixed)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Whether a second factor is demanded is a security setting: it changes after fresh authentication only."""
        if change and "second_factor_required" in form.changed_data:
            fresh.require(request)
        return super().save_form(request, form, change)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ("name",)}
