"""Data keys as a process holds them: by uid and by owner, for a few seconds."""

import threading
import time
from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet

LIFETIME = 3.0  # seconds that a data key is believed in this process; a destroyed one is dead everywhere after them
MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Secret:
    """A key in use: `uid` stands before each of its ciphertexts, `owner` is the only one it serves."""

    uid: str
    owner: str
    fernet: Fernet | MultiFernet


class Believed:
    """Data keys by uid and by owner, for a few seconds."""

    def __init__(self) -> None:
        self._by_uid: dict[str, tuple[float, Secret]] = {}
        self._current: dict[str, tuple[float, Secret]] = {}
        self._lock = threading.Lock()

    def find(self, uid: str) -> Secret | None:
        return self._fresh(self._by_uid.get(uid))

    def lasts(self, uid: str, seconds: float) -> bool:
        """Whether it is believed for so long still."""
        found = self._by_uid.get(uid)
        return found is not None and time.monotonic() + seconds < found[0]

    def current(self, owner: str) -> Secret | None:
        return self._fresh(self._current.get(owner))

    @staticmethod
    def _fresh(found: tuple[float, Secret] | None) -> Secret | None:
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def put(self, secret: Secret, *, is_current: bool, as_of: float) -> None:
        """`as_of` is a moment before it was asked for: a key that is destroyed later is dead `LIFETIME` after that."""
        with self._lock:
            if len(self._by_uid) >= MAX_ENTRIES:
                self._by_uid.clear()
                self._current.clear()
            entry = (as_of + LIFETIME, secret)
            self._by_uid[secret.uid] = entry
            if is_current:
                self._current[secret.owner] = entry

    def clear(self) -> None:
        with self._lock:
            self._by_uid.clear()
            self._current.clear()
