"""The roles and what they may do: one table, to be read aloud. Decision 20 makes it part of the contract.

Permissions are Django's names. `view` is also decided row by row by each model's `visible_to`.
What limits a team (grants, budgets, platform guards) is in no team role: it belongs to platform admins alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    ADMIN = "admin", _("admin")
    MEMBER = "member", _("member")
    VIEWER = "viewer", _("viewer")


ROLES_THAT_ADMINISTER = ("owner", "admin")
ROLES_THAT_CHAT = ("owner", "admin", "member")
ROLES_THAT_SEE_ALL_PROJECTS = ("owner", "admin", "viewer")


def _all(*models_: str) -> frozenset[str]:
    """View, add, change and delete of these models."""
    return frozenset(
        f"{app}.{verb}_{name}"
        for app, name in (model.split(".") for model in models_)
        for verb in ("view", "add", "change", "delete")
    )


def _view(*models_: str) -> frozenset[str]:
    return frozenset("{}.view_{}".format(*model.split(".")) for model in models_)


VIEWER = _view("projects.project", "projects.exchange")

MEMBER = _view("projects.project", "projects.exchange", "projects.conversation") | {
    "projects.add_project",
}

ADMIN = (
    MEMBER
    | {"portal.use_console", "teams.change_team"}
    | _all("teams.membership", "teams.branding", "teams.customrole")
    | _all("projects.project", "projects.projectmember", "projects.projectguard")
    | _all("projects.keyproject", "guards.guard", "guards.guardattachment", "widget.widget")
    | _view("teams.team", "teams.grant", "accounts.user", "accounts.key", "portal.model")
    | _view(
        "guards.guardevent",
        "projects.spend",
        "projects.teamspend",
        "audit.entry",
        "teams.groupmapping",
    )
    | {"projects.view_access", "projects.view_accessreview", "accounts.view_pendingchange"}
    | {"accounts.change_pendingchange", "accounts.revoke_key"}
)

OWNER = ADMIN | {
    "teams.delete_team",
    "teams.archive_team",
    "teams.manage_owners",
    "projects.add_accessreview",
    "projects.change_accessreview",
}

PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": OWNER,
    "admin": ADMIN,
    "member": MEMBER,
    "viewer": VIEWER,
}


# What follows from being in the team as what: no custom role takes it away.
OF_THE_BASE = frozenset({"projects.view_project", "projects.view_conversation"})

# From the weakest to the strongest: each sees and does more than the one before.
RANKS = ("viewer", "member", "admin", "owner")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a membership gives: a role, and of its permissions those that a custom role keeps.

    The role itself counts beside them: which projects its holders see and chat in follows from it.
    """

    role: str
    permissions: frozenset[str]

    @classmethod
    def of(cls, role: str, kept: Iterable[str] | None = None) -> Self:
        """`kept` is a custom role's list; None where there is none."""
        whole = PERMISSIONS[role]
        return cls(role, whole if kept is None else whole.intersection(OF_THE_BASE.union(kept)))

    @property
    def rank(self) -> int:
        return RANKS.index(self.role)

    def cover(self, other: "Rights") -> bool:
        """Whether the other may nothing that these do not."""
        return self.rank >= other.rank and other.permissions <= self.permissions


def is_lesser(role: str, than: str) -> bool:
    """Whether somebody may less in this role than in the other."""
    return not Rights.of(role).cover(Rights.of(than))


# An auditor reads everything but secrets and conversation content, and changes nothing.
CLOSED_TO_AUDITORS = frozenset({"projects.view_conversation", "projects.view_message"})


def auditor_may(permission: str) -> bool:
    app, _dot, name = permission.partition(".")
    if permission == "portal.use_console":
        return True
    return bool(app) and name.startswith("view_") and permission not in CLOSED_TO_AUDITORS
