"""What the teams know of pending changes: who may make one of a team, and who there could approve it."""

from collections.abc import Iterable
from typing import Any

from accounts.models import User
from accounts.two_person import register_approvers, register_right
from teams.models import Membership
from teams.models.teams import LIMITS
from teams.roles import ROLES_THAT_ADMINISTER


def may_change_team(user: Any, before: Any, after: Any) -> bool:
    """Beside `teams.change_team`: its limits, and that a second factor is not demanded any more."""
    if before is None or after is None:
        return True
    limits = any(getattr(before, name) != getattr(after, name) for name in LIMITS)
    if limits and not user.has_perm("teams.set_limits", before):
        return False
    loosened = before.second_factor_required and not after.second_factor_required
    return not loosened or bool(user.has_perm("teams.manage_owners", before))


def administrators(team_id: int | None) -> Iterable[Any]:
    people = Membership.objects.filter(team_id=team_id, role__in=ROLES_THAT_ADMINISTER)
    return User.objects.filter(pk__in=people.values("user_id"), is_active=True)


def install() -> None:
    register_right("teams.Team", may_change_team)
    register_approvers(administrators)
