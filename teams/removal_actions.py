"""Deeds that end a team, for a while or for good, or somebody's own part in it. What was spent stays spent."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actions import end_sessions_of
from accounts.models import PendingChange, User
from portal import keyring
from portal.errors import Refusal
from portal.legal_holds import refuse_if_held
from portal.staying_rows import lock, nothing_came_meanwhile
from portal.weakenings import going_whole
from teams.actions import remove_member
from teams.models import Membership, Team, TeamArchive
from teams.removal import holdings


@transaction.atomic
def archive_team(*, by: Any, team: Team) -> None:
    """Nobody acts in the team or through it any more, everything of it stays; doing it twice changes nothing.

    All sessions and tokens of its people end. Platform admins alone bring it back: nobody else sees it.
    """
    lock(team)
    _archive, is_new = TeamArchive.objects.get_or_create(team=team)
    if is_new:
        _put_out(by, team)


@transaction.atomic
def unarchive_team(*, by: Any, team: Team) -> None:
    """Its people are in it again, as what they were; doing it twice changes nothing."""
    lock(team)
    TeamArchive.objects.filter(team=team).delete()


@transaction.atomic
def delete_team(*, by: Any, team: Team) -> None:
    """Deletes a team with all that is its own: projects and what was said in them, guards, roles, grants, branding.

    Usage rows and guard events stay, without content, with what they cost; people and their keys stay. All sessions
    and tokens of its people end. Its data key is destroyed, so that no backup has its prompts, unless changes that a
    second person decided are still under it. Raises `Refusal("conflict")` where something of it is under a legal hold.
    """
    lock(team)
    refuse_if_held(teams=[team.pk])
    _put_out(by, team)
    with going_whole():
        for holding in holdings():
            holding.remove(by, team)
        if not PendingChange.objects.filter(team_id=team.pk).exists():
            keyring.destroy(keyring.team(team.pk))
        team.delete()
    nothing_came_meanwhile()


@transaction.atomic
def leave_team(*, by: Any, team: Team) -> None:
    """Somebody goes by themselves; they lose its projects at once, and all of their sessions and tokens.

    Raises `LastOwner` for the only owner, `FromGroups` for whom groups put there, `permission_denied` for restricted
    people, `not_found` for who is not in it.
    """
    if by.is_restricted:
        raise Refusal("permission_denied", _("An owner or admin of the team can take you out."))
    membership = Membership.objects.filter(team=team, user_id=by.pk).first()
    if membership is None or TeamArchive.objects.filter(team=team).exists():
        raise Refusal("not_found")
    remove_member(by=by, membership=membership)
    by.refresh_from_db(fields=["session_epoch"])


def _put_out(by: Any, team: Team) -> None:
    end_sessions_of(by=by, users=User.objects.filter(memberships__team=team))
