"""Deeds on people and keys: keyword-only, atomic, in the trail."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import keys
from accounts.models import Key, User
from accounts.scopes import SCOPES
from portal.context import current
from portal.errors import Refusal


@transaction.atomic
def create_key(
    *,
    by: User,
    user: User,
    name: str,
    scopes: Iterable[str] = (),
    expires_at: datetime | None = None,
    requests_per_second: int | None = None,
    no_content_log: bool = False,
) -> tuple[Key, str]:
    """A new key and its plaintext, which is returned this once and stored nowhere.

    Keys are made by people for themselves: raises `Refusal("permission_denied")` for restricted or inactive owners
    and for a key that tries to mint a key; `validation_failed` for scopes that do not exist.
    """
    wanted = sorted(set(scopes))
    if current().actor.kind == "key" or by.pk != user.pk:
        raise Refusal("permission_denied", _("Keys are made by their owner, signed in."))
    if not user.is_active or user.is_restricted:
        raise Refusal("permission_denied", _("This person may not have keys."))
    if set(wanted) - set(SCOPES):
        raise Refusal("validation_failed", fields={"scopes": [_("There is no such scope.")]})
    public_id, secret, plaintext = keys.generate()
    key = Key.objects.create(
        public_id=public_id,
        user=user,
        name=name,
        digest=keys.digest(secret),
        last_four=plaintext[-4:],
        scopes=wanted,
        expires_at=expires_at,
        requests_per_second=requests_per_second or settings.LIMIT_KEY_PER_SECOND,
        no_content_log=no_content_log,
    )
    return key, plaintext


@transaction.atomic
def revoke_key(*, by: User, key: Key) -> None:
    """Ends a key for good; doing it twice changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


@transaction.atomic
def end_sessions(*, by: User, user: User) -> None:
    """Ends all sessions of a person, one's own included."""
    user.session_epoch += 1
    user.save(update_fields=["session_epoch"])
