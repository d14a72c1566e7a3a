"""The one path from a request to whoever makes it, for every interface and header."""

from collections.abc import Callable

from django.http import HttpRequest

from accounts import basic, key_use, keys, proving, tokens
from accounts.believed import believed as _believed
from accounts.believed import name_of
from accounts.callers import Caller
from accounts.models import Key, TokenFamily
from accounts.scopes import expanded
from portal import tenancy
from portal.address_lists import listed
from portal.context import Actor, become, current
from portal.errors import Refusal
from portal.platform_settings import value
from portal.route_classes import require_scope


def identify(request: HttpRequest, *, bearer_only: bool = False) -> Caller:
    """The caller. An Authorization header decides alone, good or bad; only without one the session is asked.

    With `bearer_only` neither a session nor a password opens the door. Raises `Refusal`: `not_authenticated` where there
    is nothing, `invalid_credentials` for whatever does not hold: the same for unknown, wrong, revoked and expired ones
    and for those of deactivated people. A password is counted: `too_many_attempts`.
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        caller = _by_header(request, header, bearer_only=bearer_only)
    elif bearer_only:
        raise Refusal("not_authenticated")
    else:
        caller = _by_session(request)
    if caller.method != "session":
        become(_actor(caller))  # first, so that whatever is refused from here on names them
    if caller.key is not None and not listed(current().address, caller.key.allowed_addresses):
        raise Refusal("address_blocked")
    require_scope(request, caller.scopes)
    if caller.method != "session":
        tenancy.adopt(caller.user)
    if caller.key is not None:
        key_use.note(caller.key)
    request.caller = caller  # type: ignore[attr-defined]
    return caller


def _actor(caller: Caller) -> Actor:
    """A key acts under its own name; a token or a password is the person, in a program."""
    if caller.key is not None:
        label = f"{caller.user.email} ({caller.key.name})"
        return Actor("key", caller.key.public_id, label, owner_id=caller.user.pk)
    return Actor("user", str(caller.user.pk), f"{caller.user.email} ({caller.method})")


def _by_session(request: HttpRequest) -> Caller:
    user = getattr(request, "user", None)
    if not (user and user.is_authenticated and user.is_active):
        raise Refusal("not_authenticated")
    stored = getattr(getattr(request, "session", None), "stored", None)
    return Caller(
        user,
        None,
        "session",
        credential=stored.session_key if stored else "",
        impersonation=getattr(request, "impersonation", None),
    )


def _by_header(request: HttpRequest, header: str, *, bearer_only: bool) -> Caller:
    scheme, _space, credential = header.partition(" ")
    credential = credential.strip()
    if scheme.lower() == "bearer":
        return _by_bearer(credential)
    if scheme.lower() == "basic" and value("basic_auth") and not bearer_only:
        return basic.caller_of(request, credential)
    raise Refusal("invalid_credentials")


def _by_bearer(credential: str) -> Caller:
    """A key or an access token; what is neither in its form or signature costs no query."""
    name = name_of("bearer", credential)
    caller = _believed.get(name)
    if caller is None or caller.has_expired:
        generation = _believed.generation
        caller = _reader_of(credential)()
        _believed.put(name, caller, generation)
    return caller


def _reader_of(credential: str) -> Callable[[], Caller]:
    if (parsed := keys.parse(credential)) is not None:
        return lambda: _look_up(parsed)
    if (access := tokens.read(credential)) is not None:
        return lambda: _look_up_token(access)
    raise Refusal("invalid_credentials")


def _look_up(parsed: keys.ParsedKey) -> Caller:
    key = Key.objects.live().select_related("user").filter(public_id=parsed.public_id).first()
    shown = keys.digest(parsed.secret)
    if key is None or not key.is_opened_by(shown):
        raise Refusal("invalid_credentials")
    key.shown_digest = shown
    return Caller(key.user, key, "key", expanded(key.scopes))


def _look_up_token(access: tokens.Access) -> Caller:
    """The token is ours; its family must live, and be as the token says. `second_factor_required` is for those who got,
    or must have, a second factor since they signed in without."""
    families = TokenFamily.objects.live().select_related("user")
    family = families.filter(uid=access.family, user=access.user_id, epoch=access.epoch).first()
    if family is None or frozenset(family.scopes) != access.scopes:
        raise Refusal("invalid_credentials")
    if not access.mfa and proving.needs_second_factor(family.user):
        raise Refusal("second_factor_required")
    return Caller(
        family.user,
        None,
        "token",
        expanded(access.scopes),
        fresh_at=access.auth_time,
        credential=family.uid,
        epoch=access.epoch,
        ends_at=access.ends_at,
    )
