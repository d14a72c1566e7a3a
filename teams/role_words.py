"""The table of `teams/roles.py` in plain words, by area: what each permission lets somebody do.

Every permission of the table has its words here, and nothing else has; a test holds both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

VERBS: dict[str, Any] = {
    "view": _("See {what}"),
    "add": _("Create {what}"),
    "change": _("Change {what}"),
    "delete": _("Delete {what}"),
}


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the table: the title, and the words by permission, in the order of reading."""

    title: Any
    words: dict[str, Any]


def _of(model: str, what: Any, verbs: str = "view add change delete") -> dict[str, Any]:
    app, name = model.split(".")
    return {f"{app}.{verb}_{name}": format_lazy(VERBS[verb], what=what) for verb in verbs.split()}


AREAS: tuple[Area, ...] = (
    Area(
        _("Work"),
        _of("projects.project", _("projects"))
        | _of("projects.projectmember", _("assignments of people to projects"))
        | _of("widget.widget", _("widgets on web sites"))
        | _of("projects.conversation", _("one's own conversations"), "view")
        | _of("projects.exchange", _("the usage of the team"), "view")
        | _of("projects.spend", _("what projects spent"), "view")
        | _of("projects.teamspend", _("what the team spent"), "view"),
    ),
    Area(
        _("Guards"),
        _of("guards.guard", _("guards"))
        | _of("guards.guardattachment", _("guards on all projects of the team"))
        | _of("projects.projectguard", _("guards on single projects"))
        | _of("guards.guardevent", _("what guards found"), "view"),
    ),
    Area(
        _("People"),
        _of("accounts.user", _("the people of the team"), "view")
        | _of("teams.membership", _("memberships: who is in the team, as what"))
        | _of("teams.customrole", _("custom roles"))
        | _of("teams.groupmapping", _("which groups are mapped into the team"), "view")
        | _of("accounts.key", _("the keys of the team's people"), "view")
        | _of("projects.keyproject", _("which projects a key is confined to"))
        | {
            "projects.view_access": _("See who reaches which project, and why"),
            "projects.view_accessreview": _("See access reviews"),
            "projects.add_accessreview": _("Begin an access review"),
            "projects.change_accessreview": _("Attest or revoke in an access review"),
            "teams.manage_owners": _("Make and change owners"),
        },
    ),
    Area(
        _("Team"),
        _of("teams.team", _("the team's settings"), "view change")
        | _of("teams.branding", _("the look of the team's pages"))
        | _of("teams.grant", _("which models the team is granted"), "view")
        | _of("portal.model", _("the granted models in the console"), "view")
        | {
            "teams.archive_team": _("Archive the team"),
            "teams.delete_team": _("Delete the team"),
        },
    ),
    Area(
        _("Console and trail"),
        {
            "portal.use_console": _("Use this console"),
            "accounts.view_pendingchange": _("See changes that wait for a second person"),
            "accounts.change_pendingchange": _("Approve or reject changes of others"),
        }
        | _of("audit.entry", _("the team's audit trail"), "view"),
    ),
)


def words_of(permission: str) -> Any:
    """Raises `KeyError` for what is in no role."""
    return next(area.words[permission] for area in AREAS if permission in area.words)


def described(permissions: frozenset[str]) -> Iterator[tuple[Any, list[tuple[str, Any]]]]:
    """These permissions by area, each with its words; areas without any are left out."""
    for area in AREAS:
        rows = [(name, words) for name, words in area.words.items() if name in permissions]
        if rows:
            yield area.title, rows
