"""Sessions whose table opens nothing: it holds a hash of the cookie, and their data encrypted and bound to it."""

import json
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import salted_hmac

from portal.encryption import seal, unseal
from portal.keyring import PLATFORM, Unreadable

STORED = 40  # characters of the hash: 160 bits, the width of Django's column


def stored_key(session_key: str) -> str:
    """What the table holds for a cookie; it cannot be turned back into one."""
    digest = salted_hmac("gatehouse.sessions", session_key, algorithm="sha256").hexdigest()
    return digest[:STORED]


class SessionStore(DatabaseStore):
    """Django's database sessions. What cannot be decrypted is an empty session: the person signs in again."""

    def _get_session_from_db(self) -> Any:
        if not self.session_key:
            return None
        found = self.model.objects.filter(
            session_key=stored_key(self.session_key), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return self.model.objects.filter(session_key=stored_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        key = self._get_or_create_session_key()
        return self.model(
            session_key=stored_key(key),
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
        )

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            self.model.objects.filter(session_key=stored_key(key)).delete()

    def encode(self, session_dict: dict[str, Any]) -> str:
        return seal(json.dumps(session_dict), owner=PLATFORM, place=self._place()).decode()

    def decode(self, session_data: str) -> dict[str, Any]:
        try:
            return json.loads(unseal(session_data.encode(), owner=PLATFORM, place=self._place()))
        except Unreadable:
            return {}

    def _place(self) -> str:
        return f"sessions.Session.session_data {stored_key(self._get_or_create_session_key())}"
