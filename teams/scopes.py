"""Which teams' rows a person's requests may touch: what row-level security is told."""

import threading
import time
from typing import Any

from portal.recording import register_listener
from portal.tenancy import EVERYTHING, NOTHING, Scope, register_scopes
from teams.querysets import memberships_of

LIFETIME = 3.0  # seconds; the querysets themselves see a withdrawal at once
MAX_ENTRIES = 20_000


class _Known:
    """Scopes by person, for a few seconds; any change here empties it."""

    def __init__(self) -> None:
        self._scopes: dict[int, tuple[float, Scope]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def of(self, user: Any) -> Scope:
        found = self._scopes.get(user.pk)
        if found is not None and time.monotonic() < found[0]:
            return found[1]
        generation = self._generation
        # Unordered: the order by name would join the teams, which are not in sight yet.
        teams = frozenset(row["team_id"] for row in memberships_of(user).order_by())
        scope = Scope(teams=teams, user=user.pk)
        with self._lock:
            if generation == self._generation:
                if len(self._scopes) >= MAX_ENTRIES:
                    self._scopes.clear()
                self._scopes[user.pk] = (time.monotonic() + LIFETIME, scope)
        return scope

    def clear(self, label: str) -> None:
        with self._lock:
            self._generation += 1
            self._scopes.clear()


_known = _Known()
register_listener(_known.clear)


def scope_of(user: Any) -> Scope:
    """Everything for platform admins and auditors, the teams one is in and oneself for others, else nothing."""
    if not user.is_active:
        return NOTHING
    return EVERYTHING if user.is_superuser or user.is_auditor else _known.of(user)


def install() -> None:
    register_scopes(scope_of)
