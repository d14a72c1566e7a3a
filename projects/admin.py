"""The console's pages of projects, conversations and usage."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.console import ConsoleModelAdmin, ConsoleTabularInline, ReadOnlyMixin
from portal.models import Model
from projects.models import (
    Conversation,
    Exchange,
    KeyProject,
    Message,
    Project,
    ProjectGuard,
    ProjectMember,
    Spend,
)
from teams.models import Grant, Team


class MemberInline(ConsoleTabularInline):
    model = ProjectMember
    autocomplete_fields = ("user",)
    verbose_name = _("member")
    verbose_name_plural = _("members (count only while they are in the team)")


class GuardInline(ConsoleTabularInline):
    model = ProjectGuard
    autocomplete_fields = ("guard",)
    verbose_name = _("guard")
    verbose_name_plural = _("guards of this project, beside the platform's and the team's")


class ProjectForm(forms.ModelForm):
    class Meta:
        model = Project
        exclude = ()
        widgets = {"system_prompt": forms.Textarea(attrs={"rows": 6, "cols": 80})}


@admin.register(Project)
class ProjectAdmin(ConsoleModelAdmin):
    form = ProjectForm
    list_display = ("name", "slug", "team", "model", "visibility", "is_active")
    list_filter = ("visibility", "is_active", ("team", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("team", "model")
    search_fields = ("name", "slug")
    search_help_text = _("Searches name and slug.")
    autocomplete_fields = ("team",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = (GuardInline, MemberInline)
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "team", "visibility", "is_active")}),
        (_("Model"), {"fields": ("model", "system_prompt", "parameters")}),
        (
            _("Limits and logging"),
            {"fields": ("rate_limit_per_minute", "monthly_budget", "log_content")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name.endswith("_changelist"):
            return rows.defer("system_prompt")
        return rows

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
    list_display = ("user", "project")
    list_select_related = ("user", "project")
    list_filter = (("project__team", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("user__email", "project__slug")
    search_help_text = _("Searches the person's e-mail and the project's slug.")
    autocomplete_fields = ("user", "project")


@admin.register(ProjectGuard)
class ProjectGuardAdmin(ConsoleModelAdmin):
    list_display = ("guard", "project", "stage", "mode")
    list_select_related = ("guard", "project")
    list_filter = ("stage", "mode")
    search_fields = ("guard__slug", "project__slug")
    search_help_text = _("Searches the slugs of guard and project.")
    autocomplete_fields = ("guard", "project")


@admin.register(KeyProject)
class KeyProjectAdmin(ConsoleModelAdmin):
    list_display = ("key", "project")
    list_select_related = ("key", "project")
    search_fields = ("key__public_id", "project__slug")
    search_help_text = _("Searches the key's public part and the project's slug.")
    autocomplete_fields = ("key", "project")


@admin.register(Exchange)
class ExchangeAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """The usage log. Content is not shown: reading other people's conversations is a deed of its own."""

    list_display = (
        "created_at",
        "project_slug",
        "user",
        "door",
        "outcome",
        "guard_action",
        "tokens",
        "cost",
        "latency_ms",
    )
    list_filter = ("outcome", "door", "guard_action", "created_at")
    list_select_related = ("user",)
    search_fields = ("=uid", "=request_id", "=project_slug")
    search_help_text = _("Exact exchange id, request id or project slug.")
    exclude = ("question", "answer", "reserved_micros")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("question", "answer")

    @admin.display(description=_("tokens"))
    def tokens(self, row: Exchange) -> str:
        about = "≈ " if row.tokens_estimated else ""
        return f"{about}{row.prompt_tokens + row.completion_tokens}"


@admin.register(Spend)
class SpendAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    list_display = ("project", "month", "spent_usd", "reserved_usd")
    list_select_related = ("project",)
    list_filter = ("month",)
    search_fields = ("project__slug",)
    search_help_text = _("Searches the project's slug.")

    @admin.display(description=_("spent (USD)"), ordering="spent_micros")
    def spent_usd(self, row: Spend) -> str:
        return f"{row.spent_micros / 1_000_000:.6f}"

    @admin.display(description=_("reserved (USD)"), ordering="reserved_micros")
    def reserved_usd(self, row: Spend) -> str:
        return f"{row.reserved_micros / 1_000_000:.6f}"


@admin.register(Message)
class MessageAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """Of one's own conversations only, and without the text: that is read in the playground."""

    list_display = ("created_at", "role", "conversation", "withheld")
    list_select_related = ("conversation",)
    exclude = ("content",)
    search_fields = ("=conversation__uid",)
    search_help_text = _("Exact conversation id.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("content")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """One's own only, whatever one's role; nobody reads other people's conversations here."""

    list_display = ("uid", "project", "created_at", "updated_at")
    list_select_related = ("project",)
    exclude = ("title",)
    search_fields = ("=uid",)
    search_help_text = _("Exact conversation id.")
