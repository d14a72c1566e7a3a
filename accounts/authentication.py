"""The one path from a request to whoever makes it, for every interface and header."""

import hashlib
import threading
import time
from dataclasses import dataclass, field

from django.http import HttpRequest

from accounts import key_use, keys
from accounts.models import Key, User
from accounts.scopes import expanded
from portal import tenancy
from portal.address_lists import listed
from portal.context import Actor, become, current
from portal.errors import Refusal
from portal.recording import register_listener
from portal.route_classes import require_scope

LIFETIME = 3.0  # seconds that a key found good is believed in this process; the promise is 5 s
MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and how. A key's empty `scopes` mean all of its owner's rights; a session has them all."""

    user: User
    key: Key | None
    method: str
    scopes: frozenset[str] = field(default=frozenset())
    fresh_at: float | None = None  # when they last proved who they are; a session says it itself

    def may(self, scope: str) -> bool:
        return self.key is None or not self.scopes or scope in self.scopes

    def is_live(self) -> bool:
        """Whether the key still holds, for streams that are under way. Sessions are looked at by the routes."""
        return self.key is None or _look_up_again(self.key)


class _Believed:
    """Callers by the SHA-256 of their whole credential, for a few seconds; emptied at once by any change here."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, digest: bytes) -> Caller | None:
        found = self._known.get(digest)
        if found is None or time.monotonic() >= found[0]:
            return None
        caller = found[1]
        return caller if caller.key is None or caller.key.still_opens else None

    @property
    def generation(self) -> int:
        return self._generation

    def put(self, digest: bytes, caller: Caller, generation: int) -> None:
        """Kept only if nothing changed since `generation` was read, before the look-up."""
        with self._lock:
            if generation != self._generation:
                return
            if len(self._known) >= MAX_ENTRIES:
                self._known.clear()
            self._known[digest] = (time.monotonic() + LIFETIME, caller)

    def clear(self, label: str) -> None:
        """Any change may be one of rights, and the callers carry theirs: all are forgotten."""
        with self._lock:
            self._generation += 1
            self._known.clear()


_believed = _Believed()
register_listener(_believed.clear)


def identify(request: HttpRequest) -> Caller:
    """The caller. An Authorization header decides alone, good or bad; only without one the session is asked.

    Raises `Refusal`: `not_authenticated` where there is nothing, `invalid_credentials` for whatever does not hold,
    the same for unknown, wrong, revoked and expired keys and for those of deactivated people.
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        caller = _by_header(header)
    elif (user := getattr(request, "user", None)) and user.is_authenticated and user.is_active:
        caller = Caller(user, None, "session")
    else:
        raise Refusal("not_authenticated")
    if caller.key is not None:
        if not listed(current().address, caller.key.allowed_addresses):
            raise Refusal("address_blocked")
        require_scope(request, caller.scopes)
        tenancy.adopt(caller.user)
        become(Actor("key", caller.key.public_id, f"{caller.user.email} ({caller.key.name})"))
        key_use.note(caller.key)
    request.caller = caller  # type: ignore[attr-defined]
    return caller


def _by_header(header: str) -> Caller:
    scheme, _space, credential = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal("invalid_credentials")
    parsed = keys.parse(credential.strip())
    if parsed is None:
        raise Refusal("invalid_credentials")
    digest = hashlib.sha256(credential.strip().encode()).digest()
    caller = _believed.get(digest)
    if caller is None:
        generation = _believed.generation
        caller = _look_up(parsed)
        _believed.put(digest, caller, generation)
    return caller


def _look_up(parsed: keys.ParsedKey) -> Caller:
    key = Key.objects.live().select_related("user").filter(public_id=parsed.public_id).first()
    shown = keys.digest(parsed.secret)
    if key is None or not key.is_opened_by(shown):
        raise Refusal("invalid_credentials")
    key.shown_digest = shown
    return Caller(key.user, key, "key", expanded(key.scopes))


def _look_up_again(found: Key) -> bool:
    """Within `LIFETIME` of a withdrawal: one query for all streams of a key in that time."""
    digest = b"live:%d:%s" % (found.pk, found.shown_digest.encode())
    if _believed.get(digest) is not None:
        return True
    generation = _believed.generation
    key = Key.objects.live().select_related("user").filter(pk=found.pk).first()
    if key is None or not key.is_opened_by(found.shown_digest):
        return False
    key.shown_digest = found.shown_digest
    _believed.put(digest, Caller(key.user, key, "key"), generation)
    return True
