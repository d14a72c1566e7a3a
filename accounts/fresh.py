"""Fresh authentication: what is sensitive is done only by who proved who they are within the last 15 minutes.

Signing in counts, and so does confirming at `/account/confirm/` or `POST /api/auth/fresh/`. A key is never fresh, and
nobody is while they impersonate somebody else.
"""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import second_factor
from accounts.sightings import known_device
from accounts.throttle import attempt
from audit import trail
from portal.errors import Refusal

_AT = "fresh_at"


def mark(request: HttpRequest) -> None:
    """The person at this session has just proved who they are."""
    request.session[_AT] = int(time.time())


def confirmed(request: HttpRequest, user: Any) -> None:
    """The same once it was asked for: an event too, without which it does not count."""
    trail.record(action="fresh_authentication", target=user)
    mark(request)


def proved_at(request: HttpRequest) -> float | None:
    """When the caller last proved who they are, in seconds since 1970; None for who cannot."""
    if getattr(request, "impersonation", None) is not None:
        return None
    caller = getattr(request, "caller", None)
    if caller is not None and caller.method != "session":
        return caller.fresh_at
    session = getattr(request, "session", None)
    return session.get(_AT) if session is not None else None


def is_fresh(request: HttpRequest) -> bool:
    at = proved_at(request)
    return at is not None and 0 <= time.time() - at < settings.FRESH_S


def require(request: HttpRequest) -> None:
    """Raises `Refusal("fresh_authentication_required")`; pages lead to where one confirms, and back.

    Who impersonates confirms nothing: `permission_denied`.
    """
    if getattr(request, "impersonation", None) is not None:
        raise Refusal("permission_denied", _("Not while you act as somebody else."))
    if not is_fresh(request):
        raise Refusal("fresh_authentication_required")


def prove(request: HttpRequest, user: Any, *, password: str, code: str = "") -> None:
    """Looks at the password, and then at the code of who has a second factor.

    Raises `Refusal`: `too_many_attempts`, `invalid_credentials` for what does not hold, `second_factor_required` where
    the code is missing. Who must set a second factor up proves themselves with the password until they did.
    """
    address: str = request.client_address  # type: ignore[attr-defined]
    device = known_device(request, user.email)
    tried = attempt(door="password", address=address, account=user.email, device=device)
    if not user.check_password(password):
        failed(user)
        raise Refusal("invalid_credentials", _("This is not your password."))
    tried.succeeded()
    if second_factor.has(user):
        second_factor.check(user, code, address, device=device)


def failed(user: Any) -> None:
    """Somebody who is signed in as this person did not know the password."""
    trail.record(action="fresh_authentication_failed", target=user, outcome="refused")
