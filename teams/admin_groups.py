"""The console's pages of groups: who is in them, and what they give in which team."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from portal import cells
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_navigation import Tool
from teams import groups
from teams.custom_role_field import CustomRoleFormMixin
from teams.models import Group, GroupMapping, GroupMember, role_name


class GroupForm(forms.ModelForm):
    """The people of a group that is named here, one address a line."""

    people = forms.CharField(
        label=_("People"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80, "spellcheck": "false"}),
        help_text=_(
            "E-mail addresses, one a line. They get and lose what the group gives at once."
        ),
    )

    class Meta:
        model = Group
        fields = ("source", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "people" in self.fields:
            rows = self.instance.users.order_by("email").values_list("email", flat=True)
            self.initial["people"] = "\n".join(rows)

    def clean_people(self) -> list[User]:
        wanted = {line.strip().lower() for line in self.cleaned_data["people"].splitlines()} - {""}
        found = list(User.objects.filter(email__in=wanted))
        if unknown := sorted(wanted - {user.email for user in found}):
            words = ngettext(
                "Nobody has this address: %s.", "Nobody has these addresses: %s.", len(unknown)
            )
            raise forms.ValidationError(words % ", ".join(unknown[:10]))
        return found

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("source") and found.get("people"):
            self.add_error("people", _("The source says who is in it: leave this empty."))
        return found


@admin.register(Group)
class GroupAdmin(ConsoleModelAdmin):
    deletes_in_bulk = False
    area, place = "people", 24
    intro = _(
        "Groups of people as a directory or you name them. Mapped into a team, a group gives its people a role there, "
        "and takes it away again."
    )
    next_step = _("Add a group, then map it into a team.")
    form = GroupForm
    list_display = ("name", "said_by", "how_many", "mapped")
    list_filter = ("source",)
    search_fields = ("name",)
    search_help_text = _("Searches the name.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "how_many_people": Count("members", distinct=True),
            "how_many_mappings": Count("mappings", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=_("source"), ordering="source")
    def said_by(self, group: Group) -> SafeString:
        return cells.chip(group.source) if group.source else cells.NOTHING

    @admin.display(description=_("people"), ordering="how_many_people")
    def how_many(self, group: Group) -> SafeString:
        return cells.number(group.how_many_people)  # type: ignore[attr-defined]

    @admin.display(description=_("mappings"), ordering="how_many_mappings")
    def mapped(self, group: Group) -> SafeString:
        return cells.number(group.how_many_mappings)  # type: ignore[attr-defined]

    def object_tools(self, request: HttpRequest, obj: Group) -> list[Tool]:
        members = f"{reverse('admin:teams_groupmember_changelist')}?group__id__exact={obj.pk}"
        mappings = f"{reverse('admin:teams_groupmapping_changelist')}?group__id__exact={obj.pk}"
        add = f"{reverse('admin:teams_groupmapping_add')}?group={obj.pk}"
        tools = [
            Tool(_("People: %d") % obj.how_many_people, members),  # type: ignore[attr-defined]
            Tool(_("Mappings: %d") % obj.how_many_mappings, mappings),  # type: ignore[attr-defined]
        ]
        if request.user.has_perm("teams.add_groupmapping"):
            tools.append(Tool(_("Map into a team"), add, "plus"))
        return tools

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who is in a group of a source is said there."""
        named_here = obj is None or not obj.source
        may = obj is None or self.has_change_permission(request, obj)
        return ("source", "name", *(("people",) if named_here and may else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("source",)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "people" in form.changed_data:
            groups.set_members_of(
                by=request.user, group=form.instance, users=form.cleaned_data["people"]
            )

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        groups.delete_group(by=request.user, group=obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With a group go the rows that say who is in it."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        return found, counts, needed - {GroupMember._meta.verbose_name}, protected


@admin.register(GroupMember)
class GroupMemberAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    intro = _("Who is in which group: changed on the group's page, or by its source.")
    next_step = _("Nobody is in a group yet: name its people on the group's page.")
    list_display = ("user", "group")
    list_select_related = ("user", "group")
    search_fields = ("user__email", "group__name")
    search_help_text = _("Searches the person's e-mail and the group's name.")


class GroupMappingForm(CustomRoleFormMixin, forms.ModelForm):
    class Meta:
        model = GroupMapping
        fields = ("group", "team", "role", "custom_role")


@admin.register(GroupMapping)
class GroupMappingAdmin(ConsoleModelAdmin):
    deletes_in_bulk = False
    area, place = "people", 26
    intro = _(
        "What a group gives its people in a team. The strongest role of somebody's groups holds; "
        "memberships made by hand are never touched."
    )
    next_step = _("Map a group into a team: its people are in it at once.")
    form = GroupMappingForm
    list_display = ("group", "team", "gives")
    list_select_related = ("group", "team", "custom_role")
    list_filter = ("role", ("team", admin.RelatedOnlyFieldListFilter))
    search_fields = ("group__name", "team__slug")
    search_help_text = _("Searches the group's name and the team's slug.")
    autocomplete_fields = ("group", "team")

    @admin.display(description=_("gives"), ordering="role")
    def gives(self, mapping: GroupMapping) -> SafeString:
        return cells.chip(role_name(mapping))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("group", "team")

    def object_tools(self, request: HttpRequest, obj: GroupMapping) -> list[Tool]:
        return [Tool(_("What roles may"), reverse("admin:roles"))]

    def save_model(self, request: HttpRequest, obj: GroupMapping, form: Any, change: bool) -> None:
        made = groups.map_group(
            by=request.user,
            group=obj.group,
            team=obj.team,
            role=obj.role,
            custom_role=obj.custom_role,
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: GroupMapping) -> None:
        groups.unmap_group(by=request.user, mapping=obj)
