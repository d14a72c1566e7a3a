"""The form of one change in thought: the fields that its operation takes, with what one may name."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.models import Model
from projects.access.changes import LONGEST, NUMBERS, OPERATIONS
from projects.access.loading import Selection
from projects.models import Visibility
from teams.models import CustomRole, Group
from teams.roles import Role

LABELS: dict[str, Any] = {
    "add_member": gettext_lazy("Add a person to a team"),
    "change_role": gettext_lazy("Change a person's role"),
    "remove_member": gettext_lazy("Remove a person from a team"),
    "assign": gettext_lazy("Assign a person to a project"),
    "unassign": gettext_lazy("Withdraw an assignment"),
    "set_visibility": gettext_lazy("Change a project's visibility"),
    "grant": gettext_lazy("Grant a model to a team"),
    "withdraw": gettext_lazy("Withdraw a grant"),
    "archive_project": gettext_lazy("Archive a project"),
    "archive_team": gettext_lazy("Archive a team"),
    "restrict": gettext_lazy("Restrict a person"),
    "unrestrict": gettext_lazy("Lift a person's restriction"),
    "activate": gettext_lazy("Activate a person"),
    "deactivate": gettext_lazy("Deactivate a person"),
    "add_to_group": gettext_lazy("Put a person into a group"),
    "remove_from_group": gettext_lazy("Take a person out of a group"),
    "map_group": gettext_lazy("Map a group to a role"),
    "unmap_group": gettext_lazy("Remove a group's mapping"),
}
SENTENCES: dict[str, Any] = {
    "add_member": gettext_lazy("%(user)s joins %(team)s as %(role)s"),
    "change_role": gettext_lazy("%(user)s becomes %(role)s of %(team)s"),
    "remove_member": gettext_lazy("%(user)s leaves %(team)s"),
    "assign": gettext_lazy("%(user)s is assigned to %(project)s"),
    "unassign": gettext_lazy("%(user)s is no longer assigned to %(project)s"),
    "set_visibility": gettext_lazy("%(project)s becomes %(visibility)s"),
    "grant": gettext_lazy("%(team)s is granted the model %(model)s"),
    "withdraw": gettext_lazy("%(team)s loses the grant of the model %(model)s"),
    "archive_project": gettext_lazy("%(project)s is archived"),
    "archive_team": gettext_lazy("the team %(team)s is archived"),
    "restrict": gettext_lazy("%(user)s is restricted"),
    "unrestrict": gettext_lazy("%(user)s is no longer restricted"),
    "activate": gettext_lazy("%(user)s is activated"),
    "deactivate": gettext_lazy("%(user)s is deactivated"),
    "add_to_group": gettext_lazy("%(user)s enters the group %(group)s"),
    "remove_from_group": gettext_lazy("%(user)s leaves the group %(group)s"),
    "map_group": gettext_lazy("the group %(group)s gives %(role)s of %(team)s"),
    "unmap_group": gettext_lazy("the group %(group)s gives nothing in %(team)s"),
}


def operations(selection: Selection) -> list[tuple[str, Any]]:
    """What this person may simulate; flags of people and groups only who sees all there is."""
    return [
        (op, LABELS[op])
        for op in LABELS
        if selection.sees_all or not OPERATIONS[op].of_the_platform
    ]


class Names:
    """The choices of the fields, each read once where a field asks for it."""

    def __init__(self, by: Any, selection: Selection) -> None:
        self._by, self._selection = by, selection
        self._found: dict[str, list[tuple[str, str]]] = {}

    def of(self, field: str) -> list[tuple[str, str]]:
        if field not in self._found:
            self._found[field] = getattr(self, f"_{field}")()
        return self._found[field]

    def label(self, field: str, value: Any) -> str:
        """How a value is said; what is no choice is said as it is."""
        return dict(self.of(field)).get(str(value), str(value))

    def _team(self) -> list[tuple[str, str]]:
        return [(team.slug, str(team)) for team in self._selection.team_rows()]

    def _model(self) -> list[tuple[str, str]]:
        rows = Model.objects.visible_to(self._by).select_related("provider")
        return [(str(model.pk), str(model)) for model in rows]

    def _group(self) -> list[tuple[str, str]]:
        rows = Group.objects.all() if self._selection.sees_all else Group.objects.none()
        return [(str(group.pk), str(group)) for group in rows]

    def _custom_role(self) -> list[tuple[str, str]]:
        rows = CustomRole.objects.filter(team__in=self._selection.team_rows().order_by())
        return [("", _("none")), *((name, name) for name in rows.values_list("name", flat=True))]

    def _role(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Role.choices]

    def _visibility(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Visibility.choices]


FIELDS: dict[str, Any] = {
    "user": gettext_lazy("Person (e-mail)"),
    "project": gettext_lazy("Project (slug)"),
    "team": gettext_lazy("Team"),
    "role": gettext_lazy("Role"),
    "custom_role": gettext_lazy("Custom role"),
    "visibility": gettext_lazy("Visibility"),
    "model": gettext_lazy("Model"),
    "group": gettext_lazy("Group"),
}
ORDER = tuple(FIELDS)


class ChangeForm(forms.Form):
    """One change of the operation `op`."""

    def __init__(self, *args: Any, op: str, names: Names, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.op = op
        operation = OPERATIONS[op]
        asked = {*operation.needs, *operation.takes}
        for name in (name for name in ORDER if name in asked):
            self.fields[name] = _field(name, name in operation.needs, names)

    @property
    def change(self) -> dict[str, Any]:
        """As the API takes it."""
        given = {name: value for name, value in self.cleaned_data.items() if value}
        for name in NUMBERS:
            if name in given:
                given[name] = int(given[name])
        return {"op": self.op, **given}


def _field(name: str, needed: bool, names: Names) -> forms.Field:
    about: dict[str, Any] = {"label": FIELDS[name], "required": needed or name == "role"}
    if name in ("user", "project"):
        widget = forms.TextInput(
            {"list": f"known_{name}", "autocomplete": "off", "spellcheck": "false", "size": 40}
        )
        return forms.CharField(max_length=LONGEST, widget=widget, **about)
    initial = Role.MEMBER if name == "role" else None
    return forms.ChoiceField(choices=names.of(name), initial=initial, **about)


def sentence(change: dict[str, Any], names: Names) -> str:
    """What happens, in words."""
    said = {
        name: names.label(name, value) if name in ("team", "model", "group") else value
        for name, value in change.items()
        if name in FIELDS
    }
    said["role"] = change.get("custom_role") or said.get("role", "")
    return str(SENTENCES[change["op"]]) % said
