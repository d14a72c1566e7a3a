"""The keys of what is stored: a ring from the environment, and under it a data key for each owner.

The ring (`PORTAL_FERNET_KEYS`) encrypts nothing but data keys. Everything else is under the data key of whose it is: "accounts.User:12", "teams.Team:3", "visitor:…" or "platform". So a new ring means
new wrappings, not new ciphertexts, and destroying one small row makes all of a person's content unreadable.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, transaction
from fernet_fields.hkdf import derive_fernet_key

LIFETIME = 3.0  # seconds that a data key is believed in this process; a destroyed one is dead everywhere after them
MAX_ENTRIES = 20_000
RING = "ring"
PLATFORM = "platform"


class Unreadable(Exception):
    """Stored content that cannot be opened: its key is wrong, missing or destroyed, or it belongs elsewhere.

    Never carries any of the content.
    """


class Destroyed(Unreadable):
    """It was made unreadable on purpose, with its owner's key."""


def person(user_id: Any) -> str:
    return f"accounts.User:{user_id}"


def team(team_id: Any) -> str:
    return f"teams.Team:{team_id}"


def visitor(session_id: str) -> str:
    return f"visitor:{session_id}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A key in use: `uid` stands before each of its ciphertexts, `owner` is the only one it serves."""

    uid: str
    owner: str
    fernet: Fernet | MultiFernet


class _Believed:
    """Data keys by uid and by owner, for a few seconds."""

    def __init__(self) -> None:
        self._by_uid: dict[str, tuple[float, Secret]] = {}
        self._current: dict[str, tuple[float, Secret]] = {}
        self._lock = threading.Lock()

    def find(self, uid: str) -> Secret | None:
        return self._fresh(self._by_uid.get(uid))

    def current(self, owner: str) -> Secret | None:
        return self._fresh(self._current.get(owner))

    @staticmethod
    def _fresh(found: tuple[float, Secret] | None) -> Secret | None:
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def put(self, secret: Secret, *, is_current: bool) -> None:
        with self._lock:
            if len(self._by_uid) >= MAX_ENTRIES:
                self._by_uid.clear()
                self._current.clear()
            entry = (time.monotonic() + LIFETIME, secret)
            self._by_uid[secret.uid] = entry
            if is_current:
                self._current[secret.owner] = entry

    def clear(self) -> None:
        with self._lock:
            self._by_uid.clear()
            self._current.clear()


_believed = _Believed()
forget = _believed.clear


def after_commit(tell: Any) -> None:
    """A key made in a transaction that is rolled back was never stored: nothing may be encrypted under it later."""
    transaction.on_commit(tell)


def ring() -> Secret:
    """The key ring itself: the first key encrypts, all of them decrypt."""
    keys = [Fernet(derive_fernet_key(key)) for key in settings.FERNET_KEYS]
    if not keys:
        raise Unreadable("There is no key ring: PORTAL_FERNET_KEYS is empty.")
    return Secret(RING, RING, MultiFernet(keys))


def first_of_ring() -> Fernet:
    return Fernet(derive_fernet_key(settings.FERNET_KEYS[0]))


def current(owner: str) -> Secret:
    """The key that encrypts for this owner, made at the first need. Raises `Unreadable` once it was destroyed."""
    if owner == RING:
        return ring()
    found = _believed.current(owner)
    if found is None:
        found = _opened(_stored(owner) or _made(owner))
        kept = found
        after_commit(lambda: _believed.put(kept, is_current=True))
    return found


def by_uid(uid: str) -> Secret:
    """The key that a ciphertext names; raises `Unreadable` where there is none."""
    if uid == RING:
        return ring()
    found = _believed.find(uid)
    if found is None:
        row = _rows().filter(uid=uid).first()
        if row is None:
            raise Unreadable("Its data key is not there.")
        found = _opened(row)
        kept = found
        after_commit(lambda: _believed.put(kept, is_current=False))
    return found


def destroy(owner: str) -> int:
    """Ends every key of this owner for good; what was encrypted for them is unreadable everywhere within `LIFETIME`.

    The rows stay as tombstones: nothing is ever encrypted for this owner again. Returns how many keys there were.
    """
    with transaction.atomic():
        if _stored(owner) is None:
            _made(owner)  # a tombstone also where nothing was ever encrypted
        ended = _rows().filter(owner=owner, destroyed_at__isnull=True).destroy()
    transaction.on_commit(forget)
    forget()
    return ended


def is_destroyed(owner: str) -> bool:
    return _rows().filter(owner=owner, destroyed_at__isnull=False).exists()


def _rows() -> Any:
    return apps.get_model("portal.DataKey").objects.all()


def _stored(owner: str) -> Any:
    return _rows().filter(owner=owner, retired_at__isnull=True).first()


def _made(owner: str) -> Any:
    """A new key; where another process was faster, its key."""
    try:
        with transaction.atomic():
            return _rows().create(owner=owner, wrapped=Fernet.generate_key().decode())
    except IntegrityError:
        return _stored(owner)


def _opened(row: Any) -> Secret:
    if row.destroyed_at is not None:
        raise Destroyed("Its data key was destroyed.")
    return Secret(row.uid, row.owner, Fernet(row.wrapped))


def open_with(secret: Secret, token: bytes) -> bytes:
    try:
        return secret.fernet.decrypt(token)
    except InvalidToken:
        raise Unreadable("Its key does not fit.") from None
