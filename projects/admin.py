"""The console's pages of projects, and of who and what belongs to them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import cells
from portal.console import ConsoleModelAdmin, ConsoleTabularInline
from portal.console_navigation import Tool
from portal.encryption import readable
from portal.models import Model
from projects import (  # noqa: F401 - all but one register their pages
    admin_reviews,
    admin_usage,
    admin_usage_days,
    rules,
)
from projects.admin_removal import ArchivedProjectFilter, ProjectRemovalMixin
from projects.console import without_input_guard
from projects.models import KeyProject, Project, ProjectGuard, ProjectMember, Visibility
from teams.console import TeamFilter
from teams.models import Grant, Team


class GuardInline(ConsoleTabularInline):
    model = ProjectGuard
    autocomplete_fields = ("guard",)
    verbose_name = _("guard")
    verbose_name_plural = _("Guards of this project, beside the platform's and the team's")


class GuardedFilter(admin.SimpleListFilter):
    """By whether any guard looks at the input: the project's own, its team's, or the platform's."""

    title = _("input")
    parameter_name = "guarded"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("guarded")), ("no", _("unguarded"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        bare = without_input_guard(Project.objects.all()).values("pk")
        if self.value() == "no":
            return queryset.filter(pk__in=bare)
        return queryset.exclude(pk__in=bare) if self.value() == "yes" else queryset


class ProjectForm(forms.ModelForm):
    """A stored prompt that cannot be read can be replaced; left empty it stays as it is."""

    class Meta:
        model = Project
        exclude = ()
        widgets = {"system_prompt": forms.Textarea(attrs={"rows": 6, "cols": 80})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_unreadable = readable(self.instance, "system_prompt") is None
        if self.is_unreadable and "system_prompt" in self.fields:
            self.fields["system_prompt"].help_text = _(
                "The stored prompt cannot be read: its key is missing or wrong. A new one replaces it."
            )
        if self.instance.pk and "model" in self.fields:
            self._say_what_is_wrong_with_the_model()

    def _say_what_is_wrong_with_the_model(self) -> None:
        project = self.instance
        granted = Grant.objects.filter(team=project.team_id, model=project.model_id).exists()
        closed = rules.closed_by(project, granted=granted)
        if closed and closed != rules.OFF:
            words = _("%(model)s: %(why)s Until that changes, nobody is answered.")
            self.fields["model"].help_text = words % {"model": project.model, "why": closed}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_unreadable and not cleaned.get("system_prompt"):
            cleaned.pop("system_prompt", None)
        return cleaned


@admin.register(Project)
class ProjectAdmin(ProjectRemovalMixin, ConsoleModelAdmin):
    area, place = "work", 10
    history_rows = (("projects.ProjectMember", "project"), ("widget.Widget", "project"))
    intro = _("What people chat with: a team's configuration of a model.")
    next_step = _(
        "A project needs a team that is granted a model. Then people find it on their start page."
    )
    form = ProjectForm
    list_display = ("name", "team", "model", "seen_by", "guarded_on_input", "state")
    list_filter = ("visibility", "is_active", ArchivedProjectFilter, GuardedFilter, TeamFilter)
    list_select_related = ("team", "model__provider")
    search_fields = ("name", "slug")
    search_help_text = _("Searches name and slug.")
    autocomplete_fields = ("team",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = (GuardInline,)
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "team", "visibility", "is_active")}),
        (_("Model"), {"fields": ("model", "system_prompt", "parameters")}),
        (
            _("Limits and logging"),
            {"fields": ("rate_limit_per_minute", "monthly_budget", "log_content")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The system prompt is for those who may change the project, as in the API."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (title, {**options, "fields": [n for n in options["fields"] if n != "system_prompt"]})
            for title, options in self.fieldsets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name.endswith("_changelist"):
            bare = without_input_guard(Project.objects.filter(pk=OuterRef("pk")))
            granted = Grant.objects.filter(team=OuterRef("team"), model=OuterRef("model"))
            shown = rows.defer("system_prompt", "model__provider__secret")
            return shown.annotate(is_bare=Exists(bare), is_granted=Exists(granted))
        return rows

    def object_tools(self, request: HttpRequest, obj: Project) -> list[Tool]:
        """Usage and events are those of this project."""
        tools = []
        seen = Project.objects.visible_to(request.user).in_use()
        if seen.filter(pk=obj.pk, is_active=True).exists():
            page = reverse("projects:playground", args=[obj.slug])
            tools.append(Tool(_("Open playground"), page, "open"))
        usage = f"{reverse('admin:projects_exchange_changelist')}?q={obj.slug}"
        events = f"{reverse('admin:guards_guardevent_changelist')}?q={obj.slug}"
        if request.user.has_perm("projects.view_projectmember", obj):
            members = reverse("admin:projects_projectmember_changelist")
            words = _("Members: %d") % obj.memberships.count()
            tools.append(Tool(words, f"{members}?q={obj.slug}"))
        if request.user.has_perm("projects.view_exchange", obj):
            tools.append(Tool(_("Usage"), usage))
        if request.user.has_perm("guards.view_guardevent", obj):
            tools.append(Tool(_("Guard events"), events))
        return [*tools, *self.removal_tools(request, obj)]

    @admin.display(description=_("seen by"), ordering="visibility")
    def seen_by(self, project: Project) -> SafeString:
        public = project.visibility == Visibility.PUBLIC
        return cells.chip(_("whole team") if public else _("members only"))

    @admin.display(description=_("input"))
    def guarded_on_input(self, project: Project) -> SafeString:
        if project.is_bare:  # type: ignore[attr-defined]
            return cells.chip(_("unguarded"), "warn", "alert")
        return cells.chip(_("guarded"), "good", "shield")

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, project: Project) -> SafeString:
        """Archived, switched off, or why it answers nobody though it is on."""
        if project.archived_at is not None:
            return cells.chip(_("archived"))
        closed = rules.closed_by(project, granted=project.is_granted)  # type: ignore[attr-defined]
        if closed and closed != rules.OFF:
            return cells.chip(closed, "bad", "alert")
        return cells.switch(project.is_active)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A project stays in its team; its budget is set by those who may."""
        fixed: list[str] = [] if obj is None else ["slug", "team"]
        if not request.user.has_perm("projects.set_budget"):
            fixed.append("monthly_budget")
        return tuple(fixed)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ("name",)}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Models: those granted to the teams that one sees here; the save checks the team at hand."""
        if db_field.name == "model":
            teams = Team.objects.visible_to(request.user).values("pk")
            granted = Grant.objects.filter(team__in=teams).values("model_id")
            kwargs["queryset"] = Model.objects.filter(pk__in=granted).select_related("provider")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, True)

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet, on: bool) -> None:
        allowed = [row.pk for row in queryset if self.has_change_permission(request, row)]
        count = Project.objects.filter(pk__in=allowed).update(is_active=on)
        text = ngettext("%d project changed.", "%d projects changed.", count) % count
        self.message_user(request, text, messages.SUCCESS)


@admin.register(ProjectMember)
class ProjectMemberAdmin(ConsoleModelAdmin):
    intro = _(
        "Who may use a private project. Assignments count only while the person is in the team."
    )
    list_display = ("user", "project")
    list_select_related = ("user", "project")
    list_filter = (("project__team", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("user__email", "=project__slug")
    search_help_text = _("Searches the person's e-mail, or finds exactly a project's slug.")
    autocomplete_fields = ("user", "project")


@admin.register(ProjectGuard)
class ProjectGuardAdmin(ConsoleModelAdmin):
    intro = _("Guards that one project chose, beside those of its team and the platform.")
    list_display = ("guard", "project", "stage", "mode")
    list_select_related = ("guard", "project")
    list_filter = ("stage", "mode")
    search_fields = ("guard__slug", "project__slug")
    search_help_text = _("Searches the slugs of guard and project.")
    autocomplete_fields = ("guard", "project")


@admin.register(KeyProject)
class KeyProjectAdmin(ConsoleModelAdmin):
    intro = _("Confines a key to projects: a key without any reaches all of its owner's.")
    list_display = ("key", "project")
    list_select_related = ("key", "project")
    search_fields = ("key__public_id", "project__slug")
    search_help_text = _("Searches the key's public part and the project's slug.")
    autocomplete_fields = ("key", "project")
