"""HTTP Basic, where the installation allows it: e-mail and password with each request, looked at once in three seconds."""

import base64
import binascii
import threading

from django.http import HttpRequest

from accounts import proving
from accounts.believed import believed, name_of
from accounts.callers import Caller
from accounts.throttle import coarse
from portal.errors import Refusal

LONGEST_EMAIL, LONGEST_PASSWORD = 254, 4096
# Requests that come at once with the same password wait for one look at it, and are not counted as many tries.
_locks = [threading.Lock() for _ in range(64)]


def caller_of(request: HttpRequest, credential: str) -> Caller:
    """Raises `Refusal`: `invalid_credentials`, also for who has or must have a second factor; `too_many_attempts`."""
    email, password = _parse(credential)
    name = name_of("basic", credential)
    with _locks[name[0] % len(_locks)]:
        caller = believed.get(name)
        if caller is None:
            generation = believed.generation
            caller = _proved(request, email, password)
            believed.put(name, caller, generation)
    return caller


def _proved(request: HttpRequest, email: str, password: str) -> Caller:
    coarse(request, every_method=True)
    user = proving.person_by_password_alone(request, email=email, password=password)
    epoch = user.session_epoch
    return Caller(user, None, "basic", credential=f"{user.pk}:{epoch}", epoch=epoch)


def _parse(credential: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal("invalid_credentials") from None
    email, colon, password = text.partition(":")
    fits = 0 < len(email) <= LONGEST_EMAIL and 0 < len(password) <= LONGEST_PASSWORD
    if not colon or not fits or "\0" in text:  # PostgreSQL compares no NUL
        raise Refusal("invalid_credentials")
    return email, password
