"""Sessions whose table opens nothing: it holds a hash of the cookie, and their data encrypted and bound to it.

They end after `SESSION_IDLE_S` without a request and `SESSION_COOKIE_AGE` after the sign-in, whatever comes first. Who
is signed in, since when and from where stands beside the data, so that people can look their sessions up and end them.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.believed import believed, live_name
from portal.context import current
from portal.encryption import seal, unseal
from portal.keyring import PLATFORM, Unreadable

STORED = 40  # characters of the hash: 160 bits, the width of Django's column
TOUCH_EVERY = timedelta(minutes=1)


def stored_key(session_key: str) -> str:
    """What the table holds for a cookie; it cannot be turned back into one."""
    digest = salted_hmac("gatehouse.sessions", session_key, algorithm="sha256").hexdigest()
    return digest[:STORED]


class SessionStore(DatabaseStore):
    """Django's database sessions. What cannot be decrypted is an empty session: the person signs in again."""

    _row: Any = None  # as the table holds it

    @classmethod
    def get_model_class(cls) -> Any:
        from accounts.models import Session

        return Session

    @property
    def stored(self) -> Any:
        """The row of this session; None for one that was never stored."""
        return self._row

    def _get_session_from_db(self) -> Any:
        if not self.session_key:
            return None
        now = timezone.now()
        self._row = self.model.objects.filter(
            session_key=stored_key(self.session_key), expire_date__gt=now, ends_at__gt=now
        ).first()
        if self._row is None:
            self._session_key = None
        return self._row

    def exists(self, session_key: str) -> bool:
        return self.model.objects.filter(session_key=stored_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """Its row. A new key of the same person's session, as after a new password, moves no end: a sign-in does."""
        key = stored_key(self._get_or_create_session_key())
        now = timezone.now()
        row = self._row
        signed_in = data.get(SESSION_KEY)
        if row is None or row.session_key != key:
            row = self._new_row(key, now, row, signed_in)
        row.user_id = int(signed_in) if signed_in else None
        row.epoch = int(data.get(HASH_SESSION_KEY, "-0").rpartition("-")[2]) if signed_in else 0
        row.session_data = self.encode(data)
        row.expire_date = self._idle_end(row, now)
        self._row = row
        return row

    def _new_row(self, key: str, now: datetime, former: Any, signed_in: Any) -> Any:
        context = current()
        row = self.model(
            session_key=key,
            ends_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
            address=context.address[:45],
            agent=context.agent[:200],
        )
        if former is not None and signed_in and str(former.user_id) == str(signed_in):
            for name in ("created_at", "ends_at", "address", "agent"):
                setattr(row, name, getattr(former, name))
        return row

    def begin_anew(self) -> None:
        """Somebody has just signed in: the session's time runs from here, whose it was before does not matter."""
        row = self._row
        if row is not None:
            context, row.created_at = current(), timezone.now()
            row.ends_at = row.created_at + timedelta(seconds=settings.SESSION_COOKIE_AGE)
            row.address, row.agent = context.address[:45], context.agent[:200]
            self.modified = True

    def touch(self) -> None:
        """Somebody came by: the idle time starts anew. Written once a minute at most."""
        row, now = self._row, timezone.now()
        if row is None or now - row.last_seen_at < TOUCH_EVERY:
            return
        row.last_seen_at, row.expire_date = now, self._idle_end(row, now)
        self.model.objects.filter(
            session_key=row.session_key, last_seen_at__lt=now - TOUCH_EVERY
        ).update(last_seen_at=now, expire_date=row.expire_date, address=current().address[:45])

    @staticmethod
    def _idle_end(row: Any, now: datetime) -> datetime:
        return min(now + timedelta(seconds=settings.SESSION_IDLE_S), row.ends_at)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            self.model.objects.filter(session_key=stored_key(key)).delete()
            believed.forget(live_name("session", stored_key(key)))

    @classmethod
    def clear_expired(cls) -> None:
        cls.get_model_class().objects.filter(expire_date__lt=timezone.now()).delete()

    def encode(self, session_dict: dict[str, Any]) -> str:
        return seal(json.dumps(session_dict), owner=PLATFORM, place=self._place()).decode()

    def decode(self, session_data: str) -> dict[str, Any]:
        try:
            return json.loads(unseal(session_data.encode(), owner=PLATFORM, place=self._place()))
        except Unreadable:
            return {}

    def _place(self) -> str:
        return f"accounts.Session.session_data {stored_key(self._get_or_create_session_key())}"
