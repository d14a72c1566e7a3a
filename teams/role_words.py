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


def _said(model: str, *words: Any) -> dict[str, Any]:
    """In words of their own: for seeing, adding, changing and deleting, in this order."""
    app, name = model.split(".")
    return {f"{app}.{verb}_{name}": said for verb, said in zip(VERBS, words, strict=False)}


AREAS: tuple[Area, ...] = (
    Area(
        _("Work"),
        _of("projects.project", _("projects"))
        | _said(
            "projects.projectmember",
            _("See who is assigned to which project"),
            _("Assign people to projects"),
            _("Change who is assigned to a project"),
            _("Take people off projects"),
        )
        | _of("widget.widget", _("widgets on web sites"))
        | _said("projects.conversation", _("Read one's own conversations"))
        | _of("projects.exchange", _("the usage of the team"), "view")
        | _of("projects.spend", _("what projects spent"), "view")
        | _of("projects.teamspend", _("what the team spent"), "view"),
    ),
    Area(
        _("Guards"),
        _of("guards.guard", _("guards"))
        | _said(
            "guards.guardattachment",
            _("See which guards look at all projects of the team"),
            _("Attach guards to all projects of the team"),
            _("Change how a guard looks at all projects of the team"),
            _("Detach guards from all projects of the team"),
        )
        | _said(
            "projects.projectguard",
            _("See which guards look at single projects"),
            _("Attach guards to single projects"),
            _("Change how a guard looks at a single project"),
            _("Detach guards from single projects"),
        )
        | _of("guards.guardevent", _("what guards found"), "view"),
    ),
    Area(
        _("People"),
        _of("accounts.user", _("the people of the team"), "view")
        | _said(
            "teams.membership",
            _("See who is in the team, as what"),
            _("Take people into the team"),
            _("Change what somebody is in the team"),
            _("Take people out of the team"),
        )
        | _of("teams.customrole", _("custom roles"))
        | _of("teams.groupmapping", _("which groups are mapped into the team"), "view")
        | _of("accounts.key", _("the keys of the team's people"), "view")
        | _said(
            "projects.keyproject",
            _("See which projects a key is confined to"),
            _("Confine keys to projects"),
            _("Change which project a key is confined to"),
            _("Lift the confinement of a key"),
        )
        | {
            "accounts.revoke_key": _("Revoke keys that open nothing outside of the team"),
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
        | _said(
            "teams.branding",
            _("See the team's branding"),
            _("Give the team's pages a name, colours and a logo"),
            _("Change the team's branding"),
            _("Take the team's branding away"),
        )
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
