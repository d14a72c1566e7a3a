"""What may be changed in thought, and how it is written: one table of operations, read strictly.

{"op": "add_member", "team": "research", "user": "marco@example.com", "role": "viewer"}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from portal.errors import Refusal
from projects.models import Visibility
from teams.roles import Role

MOST = 100
LONGEST = 400


@dataclass(frozen=True, slots=True)
class Operation:
    """`needs` and `takes` are its fields; `of_the_platform`: only for who sees all there is."""

    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()
    of_the_platform: bool = False


_ROLE = ("role", "custom_role")
OPERATIONS: dict[str, Operation] = {
    "add_member": Operation(("team", "user"), _ROLE),
    "remove_member": Operation(("team", "user")),
    "change_role": Operation(("team", "user", "role"), ("custom_role",)),
    "assign": Operation(("project", "user")),
    "unassign": Operation(("project", "user")),
    "set_visibility": Operation(("project", "visibility")),
    "grant": Operation(("team", "model")),
    "withdraw": Operation(("team", "model")),
    "archive_project": Operation(("project",)),
    "archive_team": Operation(("team",)),
    "restrict": Operation(("user",), of_the_platform=True),
    "unrestrict": Operation(("user",), of_the_platform=True),
    "activate": Operation(("user",), of_the_platform=True),
    "deactivate": Operation(("user",), of_the_platform=True),
    "add_to_group": Operation(("group", "user"), of_the_platform=True),
    "remove_from_group": Operation(("group", "user"), of_the_platform=True),
    "map_group": Operation(("group", "team"), _ROLE, of_the_platform=True),
    "unmap_group": Operation(("group", "team"), of_the_platform=True),
}
NUMBERS = ("model", "group")
CHOICES: dict[str, list[str]] = {"role": Role.values, "visibility": Visibility.values}


@dataclass(frozen=True, slots=True)
class Change:
    """One operation with its fields, which are of the right types; names are not looked up yet."""

    number: int
    op: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    def refusal(self, field: str, words: str) -> Refusal:
        return _refusal(self.number, field, words)

    def missing(self, field: str) -> Refusal:
        """For what is not there, or not for the caller to see."""
        words = _("Change %(number)d names a %(field)s that is not here.")
        return Refusal("not_found", words % {"number": self.number, "field": field})


def _refusal(number: int, field: str, words: str) -> Refusal:
    return Refusal("validation_failed", fields={f"changes.{number}.{field}": [words]})


def read(changes: Any) -> list[Change]:
    """The changes in order; `validation_failed` names the first field that is wrong, by the change's number from 0."""
    if not isinstance(changes, list) or not 1 <= len(changes) <= MOST:
        words = _("A list of 1 to %(most)d changes.") % {"most": MOST}
        raise Refusal("validation_failed", fields={"changes": [words]})
    return [_read(number, change) for number, change in enumerate(changes)]


def _read(number: int, change: Any) -> Change:
    op = change.get("op") if isinstance(change, dict) else None
    operation = OPERATIONS.get(op) if isinstance(op, str) else None
    if operation is None:
        known = ", ".join(OPERATIONS)
        raise _refusal(number, "op", _("One of %(known)s.") % {"known": known})
    known_fields = {"op", *operation.needs, *operation.takes}
    for name in change:
        if name not in known_fields:
            raise _refusal(number, str(name)[:40], _("This operation takes no such field."))
    fields = {}
    for name in (*operation.needs, *operation.takes):
        value = change.get(name)
        if value is None or value == "":
            if name in operation.needs:
                raise _refusal(number, name, _("This operation needs it."))
            continue
        _check(number, name, value)
        fields[name] = value
    return Change(number, str(op), fields)


def _check(number: int, name: str, value: Any) -> None:
    if name in NUMBERS:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
            raise _refusal(number, name, _("An id, which is a number."))
    elif not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise _refusal(number, name, _("A text."))
    elif name in CHOICES and value not in CHOICES[name]:
        raise _refusal(number, name, _("One of %(known)s.") % {"known": ", ".join(CHOICES[name])})
