"""What is noted of a key's use: when and from where it was last used, and networks that it was never used from.

Neither may cost the request: what fails here is logged, and the request goes on.
"""

import logging
import threading
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import notices, sightings
from accounts.models import Key
from audit import trail
from portal import keyring, recording
from portal.context import current
from portal.errors import Refusal

logger = logging.getLogger("accounts.keys")
STAMP_EVERY = timedelta(minutes=1)
MOST_KNOWN = 50_000


class _Known:
    """Networks that this process has seen keys come from: for those, nobody asks the database again."""

    def __init__(self) -> None:
        self._pairs: set[tuple[int, str]] = set()
        self._lock = threading.Lock()

    def __contains__(self, pair: tuple[int, str]) -> bool:
        return pair in self._pairs

    def add(self, pair: tuple[int, str]) -> None:
        with self._lock:
            if len(self._pairs) >= MOST_KNOWN:
                self._pairs.clear()
            self._pairs.add(pair)

    def forget(self) -> None:
        with self._lock:
            self._pairs.clear()


known = _Known()


def note(key: Key) -> None:
    """A key that is good was used, from an address that it may be used from."""
    stamp(key)
    note_network(key)


def stamp(key: Key) -> None:
    """Last used and from where, written at most once a minute over all processes."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < STAMP_EVERY:
        return
    key.last_used_at = now  # first, so that requests beside this one do not write too
    due = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - STAMP_EVERY)
    try:
        with transaction.atomic():
            Key.objects.filter(due, pk=key.pk).update(
                last_used_at=now, last_address=current().address[:45]
            )
    except DatabaseError:
        logger.warning("the last use of a key could not be stamped", exc_info=True)


def note_network(key: Key) -> None:
    """The first use from a network, where there were others, is an event, and the owner is told."""
    address = current().address
    pair = (key.pk, sightings.network_of(address))
    if not address or pair in known:
        return
    try:
        with transaction.atomic():
            if sightings.is_new(f"key:{key.pk}", "network", pair[1]):
                trail.record(action="key_used_from_new_network", target=key)
                notices.tell(key.user_id, "key_new_network", key=key.name, address=address)
            # Once it is written: what a rollback takes back is noted again at the next use.
            recording.after_commit(lambda: known.add(pair))
    except (DatabaseError, Refusal, keyring.Unreadable):
        logger.warning("the network of a key could not be noted", exc_info=True)
