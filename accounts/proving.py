"""Proving who one is at the doors of programs: e-mail, password and second factor, counted as at the sign-in page."""

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from accounts import second_factor
from accounts.models import User
from accounts.sightings import known_device
from accounts.throttle import Attempt, attempt
from portal.errors import Refusal


def person(request: HttpRequest, *, email: str, password: str, code: str = "") -> tuple[User, bool]:
    """The person, and whether they showed a second factor. Outside of transactions: failures are counted.

    Raises `Refusal`: `invalid_credentials`, the same for a wrong code, a wrong password, an unknown and a deactivated
    account; `too_many_attempts`; `second_factor_required` where the password is right and a code is missing, or the
    person must have a factor and has none yet.
    """
    device = known_device(request, email)
    tried, user = _by_password(request, email, password, device)
    if not second_factor.has(user):
        tried.succeeded()
        if second_factor.is_required(user):
            raise Refusal("second_factor_required")
        return user, False
    if not code:
        tried.succeeded()
        raise Refusal("second_factor_required")
    try:
        second_factor.check(user, code, _address(request), device=device)
    except Refusal as refusal:
        if refusal.code != "invalid_credentials":
            raise
        raise _failed(request, email) from None
    tried.succeeded()
    return user, True


def person_by_password_alone(request: HttpRequest, *, email: str, password: str) -> User:
    """Where no code can be sent. Who has a second factor, or must have one, is refused like a wrong password."""
    tried, user = _by_password(request, email, password, known_device(request, email))
    if needs_second_factor(user):
        raise _failed(request, email)
    tried.succeeded()
    return user


def needs_second_factor(user: User) -> bool:
    """Whether a password alone is too little of a proof for this person."""
    return second_factor.has(user) or second_factor.is_required(user)


def _by_password(
    request: HttpRequest, email: str, password: str, device: str
) -> tuple[Attempt, User]:
    """The attempt that was counted, and whose password it is: the same work whether the account exists or not."""
    tried = attempt(door="password", address=_address(request), account=email, device=device)
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise Refusal("invalid_credentials")
    return tried, user


def _address(request: HttpRequest) -> str:
    return request.client_address  # type: ignore[attr-defined, no-any-return, unused-ignore]


def _failed(request: HttpRequest, email: str) -> Refusal:
    """Leaves the same entry as a wrong password does."""
    user_login_failed.send(sender=__name__, credentials={"email": email}, request=request)
    return Refusal("invalid_credentials")
