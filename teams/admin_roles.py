"""The console's page of a team's custom roles: what each keeps of the role it stands on, as boxes in plain words."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin
from portal.console_navigation import Tool
from portal.errors import Refusal
from teams import role_actions
from teams.backends import roles_of
from teams.models import CustomRole
from teams.role_words import AREAS, described, words_of
from teams.roles import OF_THE_BASE, PERMISSIONS, Rights

NAMES = [f"keeps_{number}" for number in range(len(AREAS))]


class CustomRoleForm(forms.ModelForm):
    """A box for each permission that the base has and the reader holds, one field for each area."""

    actor: Any = None

    class Meta:
        model = CustomRole
        fields = ("team", "name", "base")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        boxes = _boxes(self.actor, self.instance)
        for name in NAMES:
            if name not in boxes:
                self.fields.pop(name, None)
            elif name in self.fields:
                self.fields[name].choices = boxes[name]
                self.initial[name] = self.instance.permissions

    def clean(self) -> dict[str, Any]:
        """Asks the same rules as the deeds, so that the page says why."""
        found = super().clean() or self.cleaned_data
        if self.errors or not any(name in self.fields for name in NAMES):
            return found
        team = found.get("team") or self.instance.team
        base = found.get("base") or self.instance.base
        boxes = {name: found.get(name) or [] for name in NAMES}
        for name, ticked in boxes.items():
            if foreign := [str(words_of(one)) for one in ticked if one not in PERMISSIONS[base]]:
                words = _("The base has no such permission: %(names)s.")
                self.add_error(name, words % {"names": "; ".join(foreign)})
        if self.errors:
            return found
        kept = sorted(one for ticked in boxes.values() for one in ticked)
        self.instance.permissions = kept
        try:
            role_actions.check_role(by=self.actor, team=team, base=base, permissions=kept)
        except Refusal:
            raise forms.ValidationError(
                _("This role may more in this team than yours: nobody gives what they do not hold.")
            ) from None
        return found


def _keeps(title: Any) -> forms.Field:
    return forms.MultipleChoiceField(
        label=title,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=(),
        help_text=_("Ticked: its holders may do this, in this team."),
    )


BoxesForm = type(
    "BoxesForm",
    (CustomRoleForm,),
    {name: _keeps(area.title) for name, area in zip(NAMES, AREAS, strict=True)},
)


def _offered(user: Any, role: CustomRole) -> frozenset[str]:
    """What a box is shown for: held by the reader, in the role's team or for a new one anywhere, and by its base."""
    base = PERMISSIONS[role.base] if role.pk else PERMISSIONS["admin"]
    if user.is_superuser:
        held = PERMISSIONS["owner"]
    else:
        rights = roles_of(user)
        where = [rights[role.team_id]] if role.pk and role.team_id in rights else rights.values()
        held = frozenset().union(*(one.permissions for one in where))
    return (base & held) - OF_THE_BASE


def _boxes(user: Any, role: CustomRole) -> dict[str, list[tuple[str, Any]]]:
    """The choices of each field that has any."""
    offered = dict(described(_offered(user, role)))
    return {
        name: offered[area.title]
        for name, area in zip(NAMES, AREAS, strict=True)
        if area.title in offered
    }


@admin.register(CustomRole)
class CustomRoleAdmin(ConsoleModelAdmin):
    deletes_in_bulk = False
    area, place = "people", 22
    intro = _(
        "A team's own roles: each stands on member, viewer or admin and keeps a part of what it may. "
        "Nobody makes one that may more than they do."
    )
    next_step = _("Where a role may too much for somebody, make one that keeps a part of it.")
    form = BoxesForm
    list_display = ("name", "team", "stands_on", "keeps", "used_by")
    list_select_related = ("team",)
    list_filter = ("base", ("team", admin.RelatedOnlyFieldListFilter))
    search_fields = ("name", "team__slug")
    search_help_text = _("Searches the name, and the team's slug.")
    autocomplete_fields = ("team",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(people=Count("memberships", distinct=True))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first = (None, {"fields": ("team", "name", "base")})
        if obj is not None and not self.has_change_permission(request, obj):
            return (first, (_("What it keeps"), {"fields": ("kept_in_words",)}))
        boxes = list(_boxes(request.user, obj or CustomRole()))
        words = _("A box that is not ticked is closed to its holders, at every door.")
        return (first, (_("What it keeps"), {"fields": boxes, "description": words}))

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        kwargs["fields"] = [
            name for name in ("team", "name", "base") if obj is None or name == "name"
        ]
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_form(request, obj, **{**kwargs, "form": forms.ModelForm})
        form = super().get_form(request, obj, **kwargs)
        return type("BoundRoleForm", (form,), {"actor": request.user})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("team", "base", "kept_in_words")

    def object_tools(self, request: HttpRequest, obj: CustomRole) -> list[Tool]:
        rows = f"{reverse('admin:teams_membership_changelist')}?custom_role__id__exact={obj.pk}"
        tools = [Tool(_("All roles"), reverse("admin:roles"))]
        if request.user.has_perm("teams.view_membership", obj):
            tools.insert(0, Tool(_("People: %d") % obj.people, rows))  # type: ignore[attr-defined]
        return tools

    @admin.display(description=_("base"), ordering="base")
    def stands_on(self, role: CustomRole) -> SafeString:
        return cells.chip(role.get_base_display())

    @admin.display(description=_("keeps"))
    def keeps(self, role: CustomRole) -> str:
        kept, whole = Rights.of(role.base, role.permissions).permissions, PERMISSIONS[role.base]
        return _("%(kept)d of %(whole)d") % {"kept": len(kept), "whole": len(whole)}

    @admin.display(description=_("people"), ordering="people")
    def used_by(self, role: CustomRole) -> SafeString:
        return cells.number(role.people)  # type: ignore[attr-defined]

    @admin.display(description=_("what it keeps"))
    def kept_in_words(self, role: CustomRole) -> SafeString:
        kept = Rights.of(role.base, role.permissions).permissions
        rows = (
            (title, "; ".join(str(words) for _n, words in names))
            for title, names in described(kept)
        )
        return format_html_join("", "<p><strong>{}</strong>: {}</p>", rows) or format_html(
            "{}", _("nothing")
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_within(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_within(request, obj)

    def _is_within(self, request: HttpRequest, obj: Any) -> bool:
        """Whether the reader may all that the role may."""
        if obj is None:
            return True
        try:
            role_actions.check_role(
                by=request.user, team=obj.team, base=obj.base, permissions=obj.permissions
            )
        except Refusal:
            return False
        return True

    def save_model(self, request: HttpRequest, obj: CustomRole, form: Any, change: bool) -> None:
        if change:
            role_actions.change_custom_role(
                by=request.user, role=obj, name=obj.name, permissions=obj.permissions
            )
            return
        made = role_actions.create_custom_role(
            by=request.user,
            team=obj.team,
            name=obj.name,
            base=obj.base,
            permissions=obj.permissions,
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: CustomRole) -> None:
        role_actions.delete_custom_role(by=request.user, role=obj)
