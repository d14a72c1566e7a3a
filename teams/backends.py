"""Rights from roles: the one authorisation backend. Django's stock one never answers for an object; this one does."""

from typing import Any

from teams.querysets import archived_teams
from teams.roles import PERMISSIONS, auditor_may


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
        roles = roles_of(user)
        if obj is None:
            return any(permission in PERMISSIONS[role] for role in roles.values())
        team_id = getattr(obj, "team_id", None)
        if team_id is None:
            # Rows of no team (platform guards, users, keys) are looked at through visible_to, changed by no role.
            return _is_view(permission) and any(
                permission in PERMISSIONS[role] for role in roles.values()
            )
        role = roles.get(team_id)
        return role is not None and permission in PERMISSIONS[role]

    def has_module_perms(self, user: Any, app_label: str) -> bool:
        if not user.is_active or user.is_anonymous or user.is_restricted:
            return False
        if user.is_auditor:
            return True
        return any(
            permission.startswith(f"{app_label}.")
            for role in roles_of(user).values()
            for permission in PERMISSIONS[role]
        )


def roles_of(user: Any) -> dict[int, str]:
    """Role by team id, in an archived team none; read once for each user object, which lives as long as its request."""
    known = getattr(user, "_roles_by_team", None)
    if known is None:
        # Unordered: the order by name would join the teams, which are not always in sight.
        rows = user.memberships.exclude(team_id__in=archived_teams()).order_by()
        known = dict(rows.values_list("team_id", "role"))
        user._roles_by_team = known
    return known


def _is_view(permission: str) -> bool:
    return permission.partition(".")[2].startswith("view_")
