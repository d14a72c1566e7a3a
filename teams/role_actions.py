"""Deeds on a team's custom roles. Nobody makes or touches one that may more than they may themselves in the team."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.actions import end_sessions_of
from portal.errors import Refusal
from teams.actions import TooStrong
from teams.backends import rights_in
from teams.models import CustomRole, Team
from teams.roles import PERMISSIONS, Rights


class RoleInUse(Refusal):
    """Without the role its holders could do more, or would be nobody in the team."""

    def __init__(self) -> None:
        super().__init__("conflict", _("People or groups have this role: give them another first."))


def check_role(*, by: Any, team: Team, base: str, permissions: Iterable[str]) -> None:
    """Raises `TooStrong` if such a role may more in this team than `by`."""
    if base not in PERMISSIONS:
        raise Refusal("validation_failed", fields={"base": [_("There is no such role.")]})
    own = rights_in(by, team.pk)
    if own is None or not own.cover(Rights.of(base, permissions)):
        raise TooStrong


@transaction.atomic
def create_custom_role(
    *, by: Any, team: Team, name: str, base: str, permissions: Iterable[str]
) -> CustomRole:
    """`conflict` if the team has one of this name."""
    kept = sorted(set(permissions))
    check_role(by=by, team=team, base=base, permissions=kept)
    if CustomRole.objects.filter(team=team, name=name).exists():
        raise Refusal("conflict")
    return CustomRole.objects.create(team=team, name=name, base=base, permissions=kept)


@transaction.atomic
def change_custom_role(
    *, by: Any, role: CustomRole, name: str | None = None, permissions: Iterable[str] | None = None
) -> CustomRole:
    """What is taken from it ends all sessions and tokens of its holders, as a demotion does."""
    stored = CustomRole.objects.select_for_update(of=("self",)).get(pk=role.pk)
    kept = stored.permissions if permissions is None else sorted(set(permissions))
    for one in (stored.permissions, kept):
        check_role(by=by, team=stored.team, base=stored.base, permissions=one)
    role.name, role.permissions = name or stored.name, kept
    if CustomRole.objects.filter(team=stored.team, name=role.name).exclude(pk=role.pk).exists():
        raise Refusal("conflict")
    role.save(update_fields=["name", "permissions"])
    if not Rights.of(stored.base, kept).cover(Rights.of(stored.base, stored.permissions)):
        end_sessions_of(by=by, users=role.memberships.values("user_id"))
    return role


@transaction.atomic
def delete_custom_role(*, by: Any, role: CustomRole) -> None:
    """Raises `RoleInUse` while somebody, or some group, has it."""
    stored = CustomRole.objects.select_for_update(of=("self",)).get(pk=role.pk)
    check_role(by=by, team=stored.team, base=stored.base, permissions=stored.permissions)
    if stored.memberships.exists() or stored.group_mappings.exists():
        raise RoleInUse
    stored.delete()
