"""What a look at the database found out, believed for a few seconds; any change in this process empties it at once.

Names are digests of whole credentials, or say which live session, key or token was looked for. Only what was found
good is kept.
"""

import hmac
import secrets
import threading
import time
from typing import Any

from portal import recording

LIFETIME = (
    3.0  # seconds that a credential found good is believed in this process; the promise is 5 s
)
LIVE_LIFETIME = (
    2.0  # a stream looks every two seconds: together with a silent provider's tick that is 5 s
)
MAX_ENTRIES = 20_000
_PEPPER = secrets.token_bytes(32)


class Believed:
    """Values by name, for a few seconds."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Any]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, name: bytes) -> Any:
        found = self._known.get(name)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    @property
    def generation(self) -> int:
        return self._generation

    def put(self, name: bytes, value: Any, generation: int, lifetime: float = LIFETIME) -> None:
        """Kept only if nothing changed since `generation` was read, before the look-up."""
        with self._lock:
            if generation != self._generation:
                return
            if len(self._known) >= MAX_ENTRIES:
                self._known.clear()
            self._known[name] = (time.monotonic() + lifetime, value)

    def clear(self, label: str) -> None:
        """Any change may be one of rights, and the callers carry theirs: all are forgotten."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def forget(self, name: bytes) -> None:
        """Once the running transaction has committed: this one ended, and nothing else changed."""

        def now() -> None:
            with self._lock:
                self._generation += 1  # a look that is under way may have seen it alive
                self._known.pop(name, None)

        recording.after_commit(now)


believed = Believed()
recording.register_listener(believed.clear)


def name_of(scheme: str, credential: str) -> bytes:
    """A digest of the whole credential, under a key that only this process has: passwords are among them."""
    return hmac.digest(_PEPPER, f"{scheme}\x00{credential}".encode(), "sha256")


def live_name(method: str, which: Any) -> bytes:
    return f"live:{method}:{which}".encode()
