"""Django's own sign-in signals, written into the trail. The only signal receivers outside of `audit`."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest

from accounts import fresh, notices, sightings
from accounts.agents import words_for
from accounts.models import User
from audit import trail
from audit.changes import sealed
from portal.context import Actor, current
from portal.encryption import MASK
from portal.errors import Refusal


def actor_of(user: User) -> Actor:
    return Actor("user", str(user.pk), user.email)


def _signed_in(user: User, request: HttpRequest, **_: Any) -> None:
    """Without its entry there is no sign-in: the session, which Django has filled already, is emptied again."""
    try:
        trail.record(action="sign_in", target=user, actor=actor_of(user))
    except Refusal:
        request.session.flush()
        raise
    fresh.mark(request)
    request.session.begin_anew()  # type: ignore[attr-defined]
    _compare(user, request)


def _compare(user: User, request: HttpRequest) -> None:
    """A device or network that this person never signed in with is an event, and they are told."""
    owner, context = f"user:{user.pk}", current()
    is_new_device = sightings.is_new(owner, "device", sightings.device_of(request))
    is_new_network = sightings.is_new(owner, "network", sightings.network_of(context.address))
    if is_new_device or is_new_network:
        with transaction.atomic():
            trail.record(action="sign_in_unusual", target=user, actor=actor_of(user))
            notices.tell(
                user.pk, "new_sign_in", address=context.address, agent=words_for(context.agent)
            )


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        trail.record(action="sign_out", target=user, actor=actor_of(user))


def as_typed(address: str) -> dict[str, list[Any]]:
    """What somebody typed as an address, as an entry keeps it: sealed under the platform's key.

    What is no address may be a password in the wrong field, and is a mask.
    """
    typed = address[:254].lower()
    try:
        validate_email(typed)
        email: Any = sealed(typed, subject="", place="accounts.User.email")
    except ValidationError:
        email = MASK
    return {"email": [None, email]}


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """Existing and unknown accounts leave the same entry: the address that was typed, sealed; nothing of the password."""
    typed = str(credentials.get("email") or credentials.get("username") or "")
    trail.record(
        action="sign_in_failed",
        target_type="accounts.User",
        changes=as_typed(typed),
        outcome="refused",
    )


def install() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="trail")
    user_logged_out.connect(_signed_out, dispatch_uid="trail")
    user_login_failed.connect(_failed, dispatch_uid="trail")
