"""Whether an impersonation still holds: asked with every request of its session, and every two seconds by its streams.

The answer is kept in the process for `LIFETIME` seconds at most and dropped when a person or an impersonation changes
here, so that any withdrawal, in whatever process, is felt within five seconds.
"""

import copy
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Impersonation, Session, User
from portal.context import Actor
from portal.recording import register_listener

SESSION_KEY = "impersonation"
LIFETIME = 2.0  # seconds; a stream asks every two, and the promise is five
MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Live:
    """An impersonation that holds: `request.impersonation` and `Caller.impersonation`."""

    uid: str
    session: str
    admin: User
    user: User
    may_write: bool
    ends_at: datetime

    @property
    def seconds_left(self) -> int:
        return max(0, int((self.ends_at - timezone.now()).total_seconds()))

    @property
    def actors(self) -> tuple[Actor, Actor]:
        """Who acts, and as whom."""
        admin, user = self.admin, self.user
        return (
            Actor("user", str(admin.pk), admin.email),
            Actor("user", str(user.pk), user.email),
        )


def strength(user: Any) -> int:
    """Platform admins are stronger than auditors, who read everything, and these than everybody else."""
    if user.is_superuser:
        return 3
    return 2 if user.is_auditor else 1


def may_stand_for(admin: Any, user: Any) -> bool:
    """An active platform admin, for somebody who is active and weaker."""
    return bool(
        admin.is_active
        and admin.is_superuser
        and user.is_active
        and strength(user) < strength(admin)
    )


class _Known:
    """Impersonations that hold, by uid, for a few seconds."""

    def __init__(self) -> None:
        self._lives: dict[str, tuple[float, Live]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, uid: str) -> Live | None:
        found = self._lives.get(uid)
        if found is not None and time.monotonic() < found[0]:
            return found[1]
        generation, asked_at = self._generation, time.monotonic()
        live = _look_up(uid)
        with self._lock:
            if generation == self._generation:
                if len(self._lives) >= MAX_ENTRIES:
                    self._lives.clear()
                if live is None:
                    self._lives.pop(uid, None)
                else:
                    self._lives[uid] = (asked_at + LIFETIME, live)
        return live

    def clear(self, label: str) -> None:
        if label.startswith("accounts.") or label == "tests":
            with self._lock:
                self._generation += 1
                self._lives.clear()


_known = _Known()
register_listener(_known.clear)


def of_request(request: HttpRequest) -> Live | None:
    """What the session of a signed-in person says, if it holds. The person is theirs alone: roles are read anew."""
    uid, stored = request.session.get(SESSION_KEY), request.session.stored  # type: ignore[attr-defined]
    if not uid or stored is None:
        return None
    live = _in_time(uid)
    if live is None or live.session != stored.uid or live.admin.pk != request.user.pk:
        return None
    user = copy.copy(live.user)
    user.__dict__.pop("_roles_by_team", None)
    return Live(live.uid, live.session, live.admin, user, live.may_write, live.ends_at)


def is_live(live: Live | None) -> bool:
    """For streams that are under way. Who does not impersonate is not asked."""
    return live is None or _in_time(live.uid) is not None


def holds(row: Impersonation) -> bool:
    """Neither over nor withdrawn: both people are what they were, and the session lives."""
    return bool(
        row.ended_at is None
        and row.ends_at > timezone.now()
        and may_stand_for(row.admin, row.user)
        and Session.objects.live().filter(uid=row.session, user_id=row.admin_id).exists()
    )


def _in_time(uid: str) -> Live | None:
    live = _known.get(uid)
    return live if live is not None and live.ends_at > timezone.now() else None


def _look_up(uid: str) -> Live | None:
    row = Impersonation.objects.select_related("admin", "user").filter(uid=uid).first()
    if row is None or not holds(row):
        return None
    return Live(row.uid, row.session, row.admin, row.user, row.may_write, row.ends_at)
