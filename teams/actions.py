"""Deeds on teams: keyword-only, atomic, in the trail. Owners manage owners, and a team keeps at least one."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actions import end_sessions
from portal.errors import Refusal
from portal.models import Model
from teams.models import Grant, Membership, Team
from teams.roles import Role, is_lesser


class OwnersOnly(Refusal):
    """Only owners and platform admins make, change or remove owners, and stop demanding a second factor."""

    def __init__(self) -> None:
        super().__init__("permission_denied")


class LastOwner(Refusal):
    """A team keeps at least one owner."""

    def __init__(self) -> None:
        super().__init__("conflict", _("A team keeps at least one owner."))


def check_change(*, by: Any, membership: Membership, role: str) -> None:
    """Raises `OwnersOnly` or `LastOwner` if `by` may not give this role; the membership may be new."""
    stored = Membership.objects.filter(pk=membership.pk).first() if membership.pk else None
    was_owner = stored is not None and stored.role == Role.OWNER
    unchanged = stored is not None and stored.role == role
    touches_owners = role == Role.OWNER or was_owner
    if touches_owners and not unchanged and not _manages_owners(by, membership):
        raise OwnersOnly
    if stored is not None and was_owner and role != Role.OWNER:
        _keep_an_owner(stored)


def check_removal(*, by: Any, membership: Membership) -> None:
    if membership.role == Role.OWNER:
        if not _manages_owners(by, membership):
            raise OwnersOnly
        _keep_an_owner(membership)


def check_second_factor(*, by: Any, team: Team, required: bool) -> None:
    """Who administers a team may demand a second factor of its people; raises `OwnersOnly` for the way back."""
    if (
        team.second_factor_required
        and not required
        and not by.has_perm("teams.manage_owners", team)
    ):
        raise OwnersOnly


def _manages_owners(by: Any, membership: Membership) -> bool:
    if membership.team_id is None:
        return by.has_perm("teams.manage_owners")
    return by.has_perm("teams.manage_owners", membership)


def _keep_an_owner(membership: Membership) -> None:
    """Locks the team's row, so that two owners cannot leave at the same time."""
    list(Team.objects.select_for_update().filter(pk=membership.team_id).values_list("pk"))
    others = Membership.objects.filter(team_id=membership.team_id, role=Role.OWNER)
    if not others.exclude(pk=membership.pk).exists():
        raise LastOwner


@transaction.atomic
def add_member(*, by: Any, team: Team, user: Any, role: str = "member") -> Membership:
    """Adds a person to a team; `conflict` if they are in it already."""
    membership = Membership(team=team, user=user, role=role)
    check_change(by=by, membership=membership, role=role)
    if Membership.objects.filter(team=team, user=user).exists():
        raise Refusal("conflict")
    membership.save()
    return membership


@transaction.atomic
def change_role(*, by: Any, membership: Membership, role: str) -> Membership:
    """A lesser role than before ends all sessions and tokens of the person: what they hold was given to the other."""
    check_change(by=by, membership=membership, role=role)
    before = Membership.objects.select_for_update(of=("self",)).get(pk=membership.pk).role
    membership.role = role
    membership.save(update_fields=["role"])
    if is_lesser(role, before):
        end_sessions(by=by, user=membership.user)
    return membership


@transaction.atomic
def remove_member(*, by: Any, membership: Membership) -> None:
    """Takes a person out of a team; they lose its projects at once, and all of their sessions and tokens."""
    check_removal(by=by, membership=membership)
    user = membership.user
    membership.delete()
    end_sessions(by=by, user=user)


@transaction.atomic
def grant_model(*, by: Any, team: Team, model: Model) -> Grant:
    found, _created = Grant.objects.get_or_create(team=team, model=model)
    return found


@transaction.atomic
def withdraw_model(*, by: Any, team: Team, model: Model) -> None:
    """Stops the team's next exchange with this model."""
    Grant.objects.filter(team=team, model=model).delete()
