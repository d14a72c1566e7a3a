"""Django's own sign-in signals, written into the trail. The only signal receivers outside of `audit`."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from accounts.models import User
from audit import trail
from portal.context import Actor


def actor_of(user: User) -> Actor:
    return Actor("user", str(user.pk), user.email)


def _signed_in(user: User, **_: Any) -> None:
    trail.record(action="sign_in", target=user, actor=actor_of(user))


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        trail.record(action="sign_out", target=user, actor=actor_of(user))


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """Existing and unknown accounts leave the same entry: what was typed as the name, nothing of the password."""
    typed = str(credentials.get("email") or credentials.get("username") or "")[:254].lower()
    trail.record(action="sign_in_failed", target_type="accounts.User", target_label=typed)


def install() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="trail")
    user_logged_out.connect(_signed_out, dispatch_uid="trail")
    user_login_failed.connect(_failed, dispatch_uid="trail")
