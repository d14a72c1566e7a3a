"""Deeds on people and keys: keyword-only, atomic, in the trail."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import keys, notices
from accounts.believed import believed, live_name
from accounts.key_ties import ties
from accounts.models import Key, Session, User
from accounts.scopes import SCOPES
from audit import trail
from portal.context import current
from portal.errors import Refusal

OVERLAP, LONGEST_OVERLAP = timedelta(hours=24), timedelta(days=7)


@transaction.atomic
def create_key(
    *,
    by: User,
    user: User,
    name: str,
    scopes: Iterable[str] = (),
    projects: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    allowed_addresses: str = "",
    requests_per_second: int | None = None,
    no_content_log: bool = False,
) -> tuple[Key, str]:
    """A new key and its plaintext, which is returned this once and stored nowhere.

    Keys are made by people for themselves: raises `Refusal("permission_denied")` for restricted or inactive owners
    and for a key that tries to mint a key; `validation_failed` for scopes and projects that do not exist.
    `requests_per_second` is for commands: no door of the owner's takes it.
    """
    wanted = sorted(set(scopes))
    if by.pk != user.pk:
        raise Refusal("permission_denied", _("Keys are made by their owner, signed in."))
    _refuse_keys(user)
    if set(wanted) - set(SCOPES):
        raise Refusal("validation_failed", fields={"scopes": [_("There is no such scope.")]})
    if expires_at is not None and expires_at <= timezone.now():
        raise Refusal("validation_failed", fields={"expires_at": [_("This is in the past.")]})
    public_id, secret, plaintext = keys.generate()
    key = Key(
        public_id=public_id,
        user=user,
        name=name.strip(),
        digest=keys.digest(secret),
        last_four=plaintext[-4:],
        scopes=wanted,
        expires_at=expires_at,
        allowed_addresses=allowed_addresses.strip(),
        no_content_log=no_content_log,
    )
    if requests_per_second is not None:
        key.requests_per_second = requests_per_second
    try:
        key.full_clean()
    except ValidationError as error:
        raise Refusal("validation_failed", fields=error.message_dict) from None
    key.save()
    if projects is not None:
        ties().confine(key, projects)
    return key, plaintext


@transaction.atomic
def rotate_key(
    *, by: User, key: Key, overlap: timedelta = OVERLAP, last_four: str = ""
) -> tuple[Key, str]:
    """A second secret for the same key, and its plaintext; the one before it opens until `overlap` is over.

    A secret that was still overlapping ends at once. `key` is as its owner saw it: where another rotation was faster,
    or `last_four` are not those of its secret, raises `Refusal("conflict")`, and so for a key that has ended.
    """
    if by.pk != key.user_id:
        raise Refusal("permission_denied", _("Keys are rotated by their owner, signed in."))
    _refuse_keys(by)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        words = _("Between 0 hours and 7 days.")
        raise Refusal("validation_failed", fields={"overlap_hours": [words]})
    now = timezone.now()
    stored = Key.objects.select_for_update().get(pk=key.pk)
    if stored.digest != key.digest or (last_four and last_four != stored.last_four):
        raise Refusal("conflict", _("This key was given another secret meanwhile."))
    if not stored.is_live:
        raise Refusal("conflict", _("This key has ended; make a new one."))
    secret, plaintext = keys.renewed(stored.public_id)
    stored.previous_digest = stored.digest if overlap else ""
    stored.previous_ends_at = now + overlap if overlap else None
    stored.digest = keys.digest(secret)
    stored.last_four = plaintext[-4:]
    stored.secret_made_at = now
    stored.save()
    trail.record(action="key_rotated", target=stored)
    until = date_format(timezone.localtime(now + overlap), "j M Y, H:i e")
    notices.tell(
        stored.user_id, "key_rotated", key=stored.name, address=current().address, until=until
    )
    return stored, plaintext


@transaction.atomic
def revoke_key(*, by: User, key: Key) -> None:
    """Ends a key for good; doing it twice changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def _refuse_keys(user: User) -> None:
    if current().actor.kind == "key":
        raise Refusal("permission_denied", _("A key makes no keys."))
    if not user.is_active or user.is_restricted:
        raise Refusal("permission_denied", _("This person may not have keys."))


USER_FIELDS = ("email", "name", "is_active", "is_superuser", "is_auditor", "is_restricted")


@transaction.atomic
def save_user(*, by: User, user: User, fields: Iterable[str] = USER_FIELDS) -> None:
    """Creates a person, or changes these fields of one; what else was changed meanwhile stays. A new one is mailed a
    link to set their password.

    Who was deactivated, restricted or lost a right is signed out everywhere. Raises `Refusal("conflict")` where no
    platform admin would be left.
    """
    if user._state.adding:
        user.set_unusable_password()
        user.save()
        send_password_link(by=by, user=user)
        return
    admins = list(User.objects.select_for_update().filter(is_superuser=True, is_active=True))
    before = User.objects.select_for_update().get(pk=user.pk)
    wanted = [name for name in USER_FIELDS if name in set(fields)]
    for name in set(USER_FIELDS) - set(wanted):
        setattr(user, name, getattr(before, name))
    stays = user.is_superuser and user.is_active
    if not stays and not any(admin.pk != user.pk for admin in admins):
        raise Refusal("conflict", _("The last platform admin stays one."))
    user.session_epoch = before.session_epoch + (1 if _lost_rights(before, user) else 0)
    user.save(update_fields=[*wanted, "session_epoch"])


def _lost_rights(before: User, after: User) -> bool:
    granted = ("is_active", "is_superuser", "is_auditor")
    taken = any(getattr(before, name) and not getattr(after, name) for name in granted)
    return taken or (after.is_restricted and not before.is_restricted)


@transaction.atomic
def deactivate(*, by: User, user: User) -> None:
    """Ends sign-in, sessions and keys of a person at once; doing it twice changes nothing."""
    if user.is_active:
        user.is_active = False
        save_user(by=by, user=user, fields=["is_active"])


@transaction.atomic
def end_sessions(*, by: User, user: User) -> None:
    """Ends all sessions and tokens of a person, one's own included."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])


@transaction.atomic
def end_sessions_of(*, by: User, users: QuerySet | Iterable[int]) -> None:
    """The same of all these people at once; `users` are their ids."""
    User.objects.filter(pk__in=users).update(session_epoch=F("session_epoch") + 1)


@transaction.atomic
def set_password(*, by: User, user: User, password: str) -> None:
    """Ends all sessions and tokens of the person but the one that is at work, and tells them.

    The password was validated at the door. Raises `Refusal("conflict")` for whoever was put out since `user` was read:
    hashing takes its time, and what others did meanwhile holds.
    """
    had_one = user.has_usable_password()
    user.set_password(password)
    stored = User.objects.select_for_update().get(pk=user.pk)
    if stored.session_epoch != user.session_epoch or not stored.is_active:
        raise Refusal("conflict", _("Your sessions were ended meanwhile. Sign in and try again."))
    user.session_epoch = stored.session_epoch + 1
    user.save(update_fields=["password", "session_epoch"])
    if had_one:
        notices.tell(user.pk, "password_changed", address=current().address)


@transaction.atomic
def end_session(*, by: User, session: Session) -> None:
    """Ends one session at once; doing it twice changes nothing."""
    ended, _rows = Session.objects.filter(pk=session.pk).delete()
    believed.forget(live_name("session", session.session_key))
    if ended:
        trail.record(action="session_ended", target=session.user)


@transaction.atomic
def send_password_link(*, by: User, user: User) -> None:
    """Has a one-time link to set a password mailed; it waits with the notices, so no dead mail server loses it."""
    trail.record(action="password_link_sent", target=user)
    notices.tell(user.pk, "invitation")
