"""Rights from roles: the one authorisation backend. Django's stock one never answers for an object; this one does."""

from typing import Any

from accounts.key_ties import ties
from accounts.models import Key
from teams.querysets import rows_of
from teams.roles import Rights, auditor_may

REVOKE_KEY = "accounts.revoke_key"


class RoleBackend:
    """`has_perm(user, "app.verb_model", obj)`: with an object, the role in its team; without, in any team."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Signs nobody in."""

    def has_perm(self, user: Any, permission: str, obj: Any = None) -> bool:
        if not user.is_active or user.is_anonymous or user.is_restricted:
            return False
        if user.is_superuser:
            return True
        if user.is_auditor and auditor_may(permission):
            return True
        if permission == REVOKE_KEY and isinstance(obj, Key):
            return may_revoke(user, obj)
        roles = roles_of(user)
        if obj is None:
            return any(permission in rights.permissions for rights in roles.values())
        team_id = getattr(obj, "team_id", None)
        if team_id is None:
            # Rows of no team (platform guards, users, keys) are looked at through visible_to, changed by no role.
            return _is_view(permission) and any(
                permission in rights.permissions for rights in roles.values()
            )
        held = roles.get(team_id)
        return held is not None and permission in held.permissions

    def has_module_perms(self, user: Any, app_label: str) -> bool:
        if not user.is_active or user.is_anonymous or user.is_restricted:
            return False
        if user.is_auditor:
            return True
        return any(
            permission.startswith(f"{app_label}.")
            for rights in roles_of(user).values()
            for permission in rights.permissions
        )


def roles_of(user: Any) -> dict[int | None, Rights]:
    """What one may, by team id; none of archived teams. Read once for each user object, which lives as long as its request."""
    known = getattr(user, "_roles_by_team", None)
    if known is None:
        rows = rows_of(user).values_list("team_id", "role", "custom_role__permissions")
        known = {team: Rights.of(role, kept) for team, role, kept in rows}
        user._roles_by_team = known
    return known


def forget_roles(user: Any) -> None:
    """For whoever changed them: they are read anew."""
    user.__dict__.pop("_roles_by_team", None)


def rights_in(user: Any, team_id: int | None) -> Rights | None:
    """What one may in this team, as `has_perm` answers it; None for who is not in it, or restricted.

    Platform admins may all that its owners may.
    """
    if not user.is_active or user.is_anonymous or user.is_restricted:
        return None
    return Rights.of("owner") if user.is_superuser else roles_of(user).get(team_id)


def may_revoke(user: Any, key: Any) -> bool:
    """Of somebody else's key: it opens nothing outside of teams in which they may revoke keys, and its owner may no more
    than they do there. Where a key is not confined, it opens all of its owner's teams."""
    owner = key.user
    if owner.is_superuser or owner.is_auditor:
        return False
    confined = ties().teams(key)
    theirs = roles_of(owner)
    teams = frozenset(theirs) if confined is None else confined
    return bool(teams) and all(_covers(roles_of(user).get(t), theirs.get(t)) for t in teams)


def _covers(mine: Rights | None, theirs: Rights | None) -> bool:
    """A key's owner who has left the team is covered by everybody."""
    if mine is None or REVOKE_KEY not in mine.permissions:
        return False
    return theirs is None or mine.cover(theirs)


def _is_view(permission: str) -> bool:
    return permission.partition(".")[2].startswith("view_")
