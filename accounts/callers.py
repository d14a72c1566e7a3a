"""Who asks and how, and whether that still holds while an answer streams."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accounts import live_impersonations
from accounts.believed import LIVE_LIFETIME, believed, live_name
from accounts.key_ties import ties
from accounts.models import Key, Session, TokenFamily, User


@dataclass(frozen=True, slots=True)
class Caller:
    """`method` is session, key, token or basic. Empty `scopes` mean all rights of the person.

    `credential` names what the caller came by: the session's stored key, the token's family, else nothing.
    """

    user: User
    key: Key | None
    method: str
    scopes: frozenset[str] = field(default=frozenset())
    fresh_at: float | None = None  # when they last proved who they are; a session says it itself
    credential: str = field(default="", repr=False)
    epoch: int = 0  # the person's when they proved who they are
    ends_at: float | None = None  # of an access token, in seconds since 1970
    impersonation: live_impersonations.Live | None = None  # where `user` is who is acted as

    def may(self, scope: str) -> bool:
        return not self.scopes or scope in self.scopes

    @property
    def is_unconfined(self) -> bool:
        """A person with all of their rights who signed in, here or in a program: who may make what acts for them."""
        return self.method in ("session", "token") and not self.scopes

    def reached_projects(self) -> frozenset[str] | None:
        """Slugs of the projects that the key is confined to; None for whoever is not confined."""
        return ties().reached(self.key) if self.key is not None else None

    @property
    def has_expired(self) -> bool:
        """Known without a look: an expiry passes while the caller is still believed."""
        if self.ends_at is not None and time.time() >= self.ends_at:
            return True
        return self.key is not None and not self.key.still_opens

    @property
    def _which(self) -> str:
        """A key's two secrets end apart."""
        return f"{self.key.pk}:{self.key.shown_digest}" if self.key else self.credential

    def is_live(self) -> bool:
        """Whether what they came by still holds, for streams that are under way: a withdrawal in any process shows
        within `LIVE_LIFETIME`, and costs one query for all streams of a caller in that time."""
        if self.has_expired or not live_impersonations.is_live(self.impersonation):
            return False
        name = live_name(self.method, self._which)
        if believed.get(name) is not None:
            return True
        generation = believed.generation
        if not _ALIVE[self.method](self).exists():
            return False
        believed.put(name, self, generation, LIVE_LIFETIME)
        return True


def _person(caller: Caller) -> Any:
    return User.objects.filter(pk=caller.user.pk, is_active=True, session_epoch=caller.epoch)


_ALIVE: dict[str, Callable[[Caller], Any]] = {
    "key": lambda caller: Key.objects.live().opened_by(caller.key),
    "session": lambda caller: Session.objects.live().filter(session_key=caller.credential),
    "token": lambda caller: TokenFamily.objects.live().filter(uid=caller.credential),
    "basic": _person,
}
