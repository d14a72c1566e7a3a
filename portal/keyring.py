"""The keys of what is stored: a ring from the environment, and under it a data key for each owner.

The ring (`PORTAL_FERNET_KEYS`) encrypts nothing but data keys. Everything else is under the data key of whose it is: "accounts.User:12", "teams.Team:3", "visitor:…" or "platform". So a new ring means
new wrappings, not new ciphertexts, and destroying one small row makes all of a person's content unreadable.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from fernet_fields.hkdf import derive_fernet_key

from portal.keys_in_use import Believed, Secret

RING = "ring"
PLATFORM = "platform"
UID = re.compile(r"[0-9a-f]{32}")
ASKED_WITHIN = 1.5  # seconds after they were expected
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


class Unreadable(Exception):
    """Stored content that cannot be opened: its key is wrong, missing or destroyed, or it belongs elsewhere.

    Never carries any of the content.
    """


class Destroyed(Unreadable):
    """It was made unreadable on purpose, with its owner's key."""


class Elsewhere(Unreadable):
    """Its key is there, but it was sealed for another owner or row."""


def person(user_id: Any) -> str:
    return f"accounts.User:{user_id}"


def team(team_id: Any) -> str:
    return f"teams.Team:{team_id}"


def visitor(session_id: str) -> str:
    return f"visitor:{session_id}"


_believed = Believed()


class _Held:
    """A key made in the open transaction: known to its connection alone, and to the process once it is committed.

    Django's list of what to do on commit holds it too, and drops it with the transaction or savepoint that made it.
    """

    def __init__(self, secret: Secret, *, is_current: bool, as_of: float) -> None:
        self.secret, self.is_current, self.as_of = secret, is_current, as_of
        self.is_over = False  # retired, destroyed or forgotten meanwhile

    def __call__(self) -> None:
        if not self.is_over:
            _believed.put(self.secret, is_current=self.is_current, as_of=self.as_of)


def _held() -> list[_Held]:
    """By this connection, in the order in which they came."""
    held: list[_Held] = getattr(connection, "gatehouse_keys", [])
    if held:
        pending = {id(what) for _savepoints, what, _robust in connection.run_on_commit}
        held[:] = [one for one in held if id(one) in pending]
    return held


def _hold(secret: Secret, *, is_current: bool, as_of: float) -> None:
    one = _Held(secret, is_current=is_current, as_of=as_of)
    transaction.on_commit(one)
    connection.gatehouse_keys = [*_held(), one]  # type: ignore[attr-defined]


def _believe(secret: Secret, *, is_current: bool, as_of: float) -> None:
    """What was read is there for everybody, unless this very transaction wrote it."""
    is_ours = any(one.secret.owner == secret.owner for one in _held())
    (_hold if is_ours else _believed.put)(secret, is_current=is_current, as_of=as_of)


def forget() -> None:
    """All keys in use are asked for anew."""
    for one in _held():
        one.is_over = True
    _believed.clear()


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
    return _known(owner) or _read(owner) or _make(owner)


def is_usable(owner: str) -> bool:
    """Whether something could be encrypted for this owner; False once their key was destroyed, and none is made.

    Raises `Unreadable` for a key that is there and does not open.
    """
    try:
        return bool(_known(owner) or _read(owner) or not is_destroyed(owner))
    except Destroyed:
        return False


def by_uid(uid: str) -> Secret:
    """The key that a ciphertext names; raises `Unreadable` where there is none."""
    if uid == RING:
        return ring()
    if not UID.fullmatch(uid):
        raise Unreadable("It names no data key.")
    held = (one.secret for one in _held() if one.secret.uid == uid and not one.is_over)
    found = _believed.find(uid) or next(held, None)
    if found is None:
        as_of = time.monotonic()
        row = _rows().filter(uid=uid).first()
        if row is None:
            raise Unreadable("Its data key is not there.")
        found = _opened(row)
        _believe(found, is_current=False, as_of=as_of)
    return found


def expect(uids: Iterable[str]) -> set[str]:
    """Reads the keys that are about to be asked for in one query; answers which of them there are to be opened with."""
    wanted = {uid for uid in uids if UID.fullmatch(uid)}
    known = {uid for uid in wanted if _believed.lasts(uid, ASKED_WITHIN)}
    as_of = time.monotonic()
    for row in _rows().filter(uid__in=wanted - known, destroyed_at=None) if wanted - known else ():
        with suppress(Unreadable):  # a damaged one; whoever asks for it is told
            _believe(_opened(row), is_current=False, as_of=as_of)
            known.add(row.uid)
    return known


def renew(owner: str) -> bool:
    """A new key for this owner; the old one still decrypts. False, and nothing done, where none is in use."""
    with transaction.atomic():
        _lock(owner)
        in_use = _rows().filter(owner=owner, retired_at__isnull=True, destroyed_at__isnull=True)
        # Retired and replaced in one transaction: no process ever finds an owner without a key.
        if not in_use.update(retired_at=timezone.now()):
            return False
        _end_held(owner)
        _make(owner)
        transaction.on_commit(forget)
    return True


def destroy(owner: str) -> int:
    """Ends every key of this owner for good; what was encrypted for them is unreadable everywhere within `LIFETIME`.

    The rows stay as tombstones: nothing is ever encrypted for this owner again. Returns how many keys there were;
    raises `Refusal("conflict")` where something under them is under a legal hold.
    """
    from portal.legal_holds import refuse_if_owner_held  # whose refusals know our failures

    with transaction.atomic():
        refuse_if_owner_held(owner)
        _lock(owner)
        ended = _rows().filter(owner=owner, destroyed_at__isnull=True).destroy()
        # A tombstone also where nothing was ever encrypted.
        if not ended and not is_destroyed(owner):
            _rows().create(owner=owner, wrapped="", destroyed_at=timezone.now())
        _end_held(owner)
        transaction.on_commit(forget)
    forget()
    return ended


def is_destroyed(owner: str) -> bool:
    return _rows().filter(owner=owner, destroyed_at__isnull=False).exists()


def _rows() -> Any:
    return apps.get_model("portal.DataKey").objects.all()


def _known(owner: str) -> Secret | None:
    """Without asking the database; what this connection's own transaction made comes first."""
    for one in reversed(_held()):
        if one.secret.owner == owner and one.is_current and not one.is_over:
            return one.secret
    return _believed.current(owner)


def _read(owner: str) -> Secret | None:
    as_of = time.monotonic()
    row = _rows().filter(owner=owner, retired_at__isnull=True).first()
    if row is None:
        return None
    found = _opened(row)
    _believe(found, is_current=True, as_of=as_of)
    return found


def _make(owner: str) -> Secret:
    """A new key; where another process was faster, its key. Never one for an owner whose key was destroyed."""
    with transaction.atomic():
        _lock(owner)
        if is_destroyed(owner):
            raise Destroyed("Its data key was destroyed.")
        row = _rows().filter(owner=owner, retired_at__isnull=True).first()
        if row is not None:
            return _opened(row)
        as_of = time.monotonic()
        made = _opened(_rows().create(owner=owner, wrapped=Fernet.generate_key().decode()))
        _hold(made, is_current=True, as_of=as_of)
    return made


def _lock(owner: str) -> None:
    """Until the transaction ends nobody else makes, renews or destroys keys of this owner.

    On SQLite the transaction has the whole database by itself.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [owner])


def _end_held(owner: str) -> None:
    for one in _held():
        if one.secret.owner == owner:
            one.is_over = True


def _opened(row: Any) -> Secret:
    if row.destroyed_at is not None:
        raise Destroyed("Its data key was destroyed.")
    try:
        return Secret(row.uid, row.owner, Fernet(row.wrapped))
    except ValueError:
        raise Unreadable("Its data key is damaged.") from None


def open_with(secret: Secret, token: bytes) -> bytes:
    try:
        return secret.fernet.decrypt(token)
    except InvalidToken:
        raise Unreadable("Its key does not fit.") from None
