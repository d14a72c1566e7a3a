"""Deeds on teams: keyword-only, atomic, in the trail.

Nobody gives or takes away more than they hold; so owners manage owners, and a team keeps at least one.
"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.actions import end_sessions
from portal.errors import Refusal
from portal.models import Model
from portal.staying_rows import lock
from teams.backends import rights_in
from teams.models import CustomRole, Grant, Membership, Team, rights_as, rights_of
from teams.models.teams import LIMITS
from teams.roles import Rights, Role


class TooStrong(Refusal):
    """Nobody gives, changes or takes away a role that may more than their own in this team."""

    def __init__(self) -> None:
        super().__init__("permission_denied", _("That role may more in this team than yours."))


class OwnersOnly(TooStrong):
    """Only owners and platform admins make, change or remove owners, and stop demanding a second factor."""


class FromGroups(Refusal):
    """What groups give follows the groups; only platform admins make it somebody's own by changing it."""

    def __init__(self) -> None:
        super().__init__("conflict", _("This membership comes from groups, and changes with them."))


class LastOwner(Refusal):
    """A team keeps at least one owner."""

    def __init__(self) -> None:
        super().__init__("conflict", _("A team keeps at least one owner."))


def check_change(
    *, by: Any, membership: Membership, role: str, custom_role: CustomRole | None = None
) -> None:
    """Raises `TooStrong`, `FromGroups` or `LastOwner` if `by` may not give this role; the membership may be new."""
    stored = _stored(membership)
    if stored is None:
        _check_strength(by, membership.team_id, [rights_as(role, custom_role)])
        return
    if (stored.role, stored.custom_role) == (role, custom_role):
        return
    _check_groups(by, stored)
    _check_strength(by, stored.team_id, [rights_of(stored), rights_as(role, custom_role)])
    if role != Role.OWNER:
        _keep_an_owner(stored)


def check_removal(*, by: Any, membership: Membership) -> None:
    """Raises `TooStrong`, `FromGroups` or `LastOwner` if `by` may not take this person out of the team."""
    _check_groups(by, membership)
    _check_strength(by, membership.team_id, [rights_of(membership)])
    _keep_an_owner(membership)


def _stored(membership: Membership) -> Membership | None:
    rows = Membership.objects.select_related("custom_role").filter(pk=membership.pk)
    return rows.first() if membership.pk else None


def _check_groups(by: Any, membership: Membership) -> None:
    if membership.from_groups and not by.is_superuser:
        raise FromGroups


def _check_strength(by: Any, team_id: int | None, touched: list[Rights]) -> None:
    own = rights_in(by, team_id)
    for rights in touched:
        if own is None or not own.cover(rights):
            raise OwnersOnly if rights.role == Role.OWNER else TooStrong


def check_second_factor(*, by: Any, team: Team, required: bool) -> None:
    """Who administers a team may demand a second factor of its people; raises `OwnersOnly` for the way back."""
    if (
        team.second_factor_required
        and not required
        and not by.has_perm("teams.manage_owners", team)
    ):
        raise OwnersOnly


def check_limits(*, by: Any, team: Team | None, values: dict[str, Any]) -> None:
    """What limits a team is out of its own reach: `permission_denied` for who would change it and may not."""
    if by.has_perm("teams.set_limits", team):
        return
    stored = team or Team()
    if any(name in values and values[name] != getattr(stored, name) for name in LIMITS):
        raise Refusal("permission_denied", _("What limits a team is set by platform admins."))


def _keep_an_owner(membership: Membership) -> None:
    """Raises `LastOwner` if without this membership the team has nobody who acts as its owner."""
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(team_id=membership.team_id, role=Role.OWNER)
    others = others.filter(user__is_active=True, user__is_restricted=False)
    if not others.exclude(pk=membership.pk).exists():
        raise LastOwner


def _locked(membership: Membership) -> Membership:
    """As it is now; of two deeds on a team's people the second waits, so that two owners do not leave at once.

    Raises `Refusal("not_found")` where somebody else took it away meanwhile.
    """
    lock(membership.team)
    lock(membership)
    return Membership.objects.select_related("team", "user", "custom_role").get(pk=membership.pk)


@transaction.atomic
def add_member(
    *, by: Any, team: Team, user: Any, role: str = "member", custom_role: CustomRole | None = None
) -> Membership:
    """Adds a person to a team; `conflict` if they are in it already."""
    membership = Membership(team=team, user=user, role=role, custom_role=custom_role)
    check_change(by=by, membership=membership, role=role, custom_role=custom_role)
    if Membership.objects.filter(team=team, user=user).exists():
        raise Refusal("conflict")
    membership.save()
    return membership


@transaction.atomic
def change_role(
    *, by: Any, membership: Membership, role: str, custom_role: CustomRole | None = None
) -> Membership:
    """A lesser role than before ends all sessions and tokens of the person: what they hold was given to the other.

    What groups gave is somebody's own from then on.
    """
    stored = _locked(membership)
    check_change(by=by, membership=stored, role=role, custom_role=custom_role)
    before, after = rights_of(stored), rights_as(role, custom_role)
    membership.role, membership.custom_role = role, custom_role
    if (stored.role, stored.custom_role) != (role, custom_role):
        membership.from_groups = False
    membership.save(update_fields=["role", "custom_role", "from_groups"])
    if not after.cover(before):
        end_sessions(by=by, user=membership.user)
    return membership


@transaction.atomic
def remove_member(*, by: Any, membership: Membership) -> None:
    """Takes a person out of a team; they lose its projects at once, and all of their sessions and tokens."""
    stored = _locked(membership)
    check_removal(by=by, membership=stored)
    stored.delete()
    end_sessions(by=by, user=stored.user)


@transaction.atomic
def grant_model(*, by: Any, team: Team, model: Model) -> Grant:
    found, _created = Grant.objects.get_or_create(team=team, model=model)
    return found


@transaction.atomic
def withdraw_model(*, by: Any, team: Team, model: Model) -> None:
    """Stops the team's next exchange with this model."""
    Grant.objects.filter(team=team, model=model).delete()
