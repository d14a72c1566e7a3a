"""Deeds on tokens of programs: keyword-only, atomic, in the trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import notices, proving, sightings, tokens
from accounts.agents import words_for
from accounts.models import TokenFamily, User
from accounts.receivers import actor_of
from accounts.scopes import SCOPES
from audit import trail
from portal import recording
from portal.context import current
from portal.errors import Refusal

REFRESH_IDLE_DAYS = 7  # an unused refresh token ends then
FOR_RESTRICTED = frozenset(["chat", "conversations:read"])


@dataclass(frozen=True, slots=True)
class Issued:
    """Both tokens in clear, which are returned this once and stored nowhere. `refresh` is empty if it stays."""

    access: str
    refresh: str = ""


@transaction.atomic
def sign_in(*, by: User, name: str, scopes: Iterable[str], mfa: bool) -> Issued:
    """Begins a family for a person who has just proved who they are. Without scopes it has all of their rights.

    Restricted people's tokens chat, and read what was said: raises `permission_denied` for other scopes, and
    `validation_failed` for scopes that do not exist.
    """
    wanted = set(scopes)
    if wanted - set(SCOPES):
        raise Refusal("validation_failed", fields={"scopes": [_("There is no such scope.")]})
    if by.is_restricted:
        if wanted - FOR_RESTRICTED:
            raise Refusal("permission_denied")
        wanted = wanted or set(FOR_RESTRICTED)
    now, context = timezone.now(), current()
    family = TokenFamily(
        user=by,
        name=name.strip(),
        scopes=sorted(wanted),
        epoch=by.session_epoch,
        mfa=mfa,
        authenticated_at=now,
        idle_ends_at=now + timedelta(days=REFRESH_IDLE_DAYS),
        ends_at=now + timedelta(days=settings.REFRESH_DAYS),
        address=context.address[:45],
        agent=context.agent[:200],
    )
    refresh, family.digest = tokens.generate_refresh(family.uid)
    family.save(force_insert=True)
    User.objects.filter(pk=by.pk).update(last_login=now)
    changes = {"name": [None, family.name], "scopes": [None, family.scopes]}
    trail.record(action="tokens_issued", target=by, actor=actor_of(by), changes=changes)
    _compare_network(by)
    return Issued(tokens.issue(family), refresh)


def _compare_network(user: User) -> None:
    """As at the sign-in page; programs keep no cookie that would name their device."""
    context = current()
    network = sightings.network_of(context.address)
    if sightings.is_new(f"user:{user.pk}", "network", network):
        trail.record(action="sign_in_unusual", target=user, actor=actor_of(user))
        notices.tell(
            user.pk, "new_sign_in", address=context.address, agent=words_for(context.agent)
        )


def refresh(*, token: tokens.Refresh) -> Issued:
    """Replaces a refresh token, and gives a new access token that is as fresh as the last proof.

    Of parallel uses one succeeds. What was replaced already, used again, ends the family: one of the two who have it
    is not its owner. Raises `Refusal`: `invalid_credentials`, or `second_factor_required` for somebody who got, or
    must have, a second factor since they signed in without.
    """
    family = TokenFamily.objects.live().select_related("user").filter(uid=token.family).first()
    if family is None:
        raise Refusal("invalid_credentials")
    if not family.mfa and proving.needs_second_factor(family.user):
        raise Refusal("second_factor_required")
    issued = _replaced(family=family, digest=token.digest)
    if issued is None:
        _end_reused(by=family.user, family=family)
        raise Refusal("invalid_credentials")
    return issued


def _replaced(*, family: TokenFamily, digest: str) -> Issued | None:
    """In one statement that compares what is stored and sets the new; None where it was another's already."""
    now = timezone.now()
    plaintext, replacement = tokens.generate_refresh(family.uid)
    changed = TokenFamily.objects.filter(pk=family.pk, digest=digest).update(
        digest=replacement,
        refreshed_at=now,
        idle_ends_at=now + timedelta(days=REFRESH_IDLE_DAYS),
    )
    return Issued(tokens.issue(family), plaintext) if changed else None


@transaction.atomic
def _end_reused(*, by: User, family: TokenFamily) -> None:
    """Who ends it tells it; for another that came as late there is nothing left to end."""
    if _remove(family):
        trail.record(action="token_reused", target=by, actor=actor_of(by), outcome="refused")
        name = family.name or _("a program")
        notices.tell(by.pk, "token_reused", name=name, address=current().address)


@transaction.atomic
def confirm(*, by: User, uid: str) -> Issued:
    """The person behind this family has just proved who they are: an access token that says so, as those to come do."""
    family = TokenFamily.objects.live().filter(uid=uid, user=by).first()
    if family is None:
        raise Refusal("invalid_credentials")
    family.authenticated_at = timezone.now()
    TokenFamily.objects.filter(pk=family.pk).update(authenticated_at=family.authenticated_at)
    trail.record(action="fresh_authentication", target=by)
    return Issued(tokens.issue(family))


@transaction.atomic
def end_family(*, by: User, uid: str) -> None:
    """Ends all tokens of one sign-in at once; doing it twice changes nothing."""
    family = TokenFamily.objects.select_related("user").filter(uid=uid).first()
    if family is not None and _remove(family):
        trail.record(action="tokens_ended", target=family.user)


def _remove(family: TokenFamily) -> int:
    removed, _rows = TokenFamily.objects.filter(pk=family.pk).delete()
    if removed:
        recording.announce(TokenFamily)  # access tokens are believed by their digests
    return removed
