"""Deeds on the second factor: keyword-only, atomic, in the trail, and told to whose it is.

A secret or code is in no entry: the trail masks them, and its events name none.
"""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import notices, second_factor
from accounts.actions import end_sessions
from accounts.models import RecoveryDevice, TotpDevice, User
from audit import trail
from portal.context import current
from portal.errors import Refusal


@transaction.atomic
def enrol(*, by: User, user: User) -> TotpDevice:
    """A new app, which opens nothing before a code confirmed it. The one in use stays in use until then.

    It takes the place of one that was begun before: whoever saw that one's secret cannot confirm it any more.
    """
    _themselves(by, user)
    _lock(user)  # several sign-ins at a time each begin one; the last stays
    TotpDevice.objects.filter(user_id=user.pk, confirmed=False).delete()
    return TotpDevice.objects.create(user=user, name=_("Authenticator app"), confirmed=False)


@transaction.atomic
def confirm(*, by: User, user: User, device: TotpDevice, code: str) -> list[str]:
    """Takes the app into use with a code of it, ends all of the person's sessions, and answers new recovery codes.

    Raises `Refusal("invalid_credentials")` for any other code; then nothing changed. The door counts the tries.
    """
    _themselves(by, user)
    _lock(user)
    if device.user_id != user.pk or device.confirmed or not device.verify_token(code):
        raise Refusal("invalid_credentials", _("This code is not valid, or was used before."))
    TotpDevice.objects.filter(user_id=user.pk, confirmed=True).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    codes = _issue(user)
    _changed(by, user, "second_factor_on")
    return codes


def _lock(user: User) -> None:
    list(User.objects.select_for_update().filter(pk=user.pk).values_list("pk"))


@transaction.atomic
def make_recovery_codes(*, by: User, user: User) -> list[str]:
    """New recovery codes; all former ones are dead. Raises `Refusal("conflict")` without a second factor."""
    _themselves(by, user)
    if not second_factor.has(user):
        raise Refusal("conflict", _("Set up a second factor first."))
    codes = _issue(user)
    trail.record(action="recovery_codes_made", target=user)
    notices.tell(user.pk, "recovery_codes_made", address=current().address)
    return codes


@transaction.atomic
def remove(*, by: User, user: User) -> None:
    """Takes the second factor away and ends all sessions. Raises `Refusal("conflict")` while it is demanded."""
    _themselves(by, user)
    if second_factor.is_required(user):
        raise Refusal("conflict", _("A second factor is required of you. You can replace it."))
    if _delete(user):
        _changed(by, user, "second_factor_off")


@transaction.atomic
def reset(*, by: User | None, user: User) -> None:
    """Takes the second factor of somebody who lost it, and ends all their sessions and tokens.

    By a platform admin, never their own: they are told to use a recovery code. `by` is None for the command line.
    """
    if by is not None and (by.pk == user.pk or not by.has_perm("accounts.change_user", user)):
        raise Refusal("permission_denied")
    if _delete(user):
        _changed(by, user, "second_factor_reset")


def _themselves(by: User, user: User) -> None:
    if by.pk != user.pk:
        raise Refusal("permission_denied")


def _issue(user: User) -> list[str]:
    """The device's row is locked, so that two at a time do not leave twenty codes."""
    device, is_new = RecoveryDevice.objects.select_for_update().get_or_create(
        user=user, defaults={"name": _("Recovery codes")}
    )
    if not is_new:
        device.made_at = timezone.now()
        device.save(update_fields=["made_at"])
    return device.issue()


def _delete(user: User) -> bool:
    """Whether there was one in use."""
    had_one = second_factor.has(user)
    TotpDevice.objects.filter(user_id=user.pk).delete()
    RecoveryDevice.objects.filter(user_id=user.pk).delete()
    return had_one


def _changed(by: User | None, user: User, what: str) -> None:
    """The deed's event and notice, and the end of all sessions: what they were opened with holds no more."""
    end_sessions(by=by or user, user=user)
    trail.record(action=what, target=user)
    notices.tell(user.pk, what, address=current().address)
