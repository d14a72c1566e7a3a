"""What a small table says, kept in the process for a few seconds and dropped when it changes here."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction

from portal.recording import Change, register_listener, register_watcher

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """`read()` for `lifetime` seconds. What a transaction wrote it reads, and is not kept before its commit.

    While the database is away it says what it said last: nobody changes it then. Raises `DatabaseError` where it never knew.
    """

    def __init__(self, label: str, read: Callable[[], Found], *, lifetime: float) -> None:
        self._label, self._read, self._lifetime = label, read, lifetime
        self._until, self._generation = 0.0, 0
        self._found: list[Found] = []
        self._lock = threading.Lock()
        register_listener(self._changed)
        register_watcher(self._writes)

    def __call__(self) -> Found:
        if self._found and time.monotonic() < self._until and not self._has_written():
            return self._found[0]
        generation, kept = self._generation, self._found
        try:
            found = self._read()
        except DatabaseError as error:
            if not kept:
                raise
            if isinstance(error, OperationalError):  # it is away: not every request knocks at it
                self._until = time.monotonic() + self._lifetime
            return kept[0]
        with self._lock:
            if generation == self._generation and not self._has_written():
                self._found, self._until = [found], time.monotonic() + self._lifetime
        return found

    def forget(self) -> None:
        with self._lock:
            self._generation += 1
            self._until, self._found = 0.0, []

    def grow_old(self) -> None:
        """As if its seconds were over."""
        self._until = 0.0

    def hold(self, found: Found, *, seconds: float) -> None:
        """Says this without reading, for so long."""
        with self._lock:
            self._found, self._until = [found], time.monotonic() + seconds

    def _changed(self, label: str) -> None:
        if label == self._label:
            self.forget()

    def _writes(self, change: Change) -> None:
        """What the running transaction reads is its own until it is committed, and it may never be."""
        if change.model._meta.label == self._label:
            transaction.on_commit(self._written)

    def _written(self) -> None:
        """Stands in Django's list of what to do on commit, which drops it with the transaction or savepoint that wrote."""

    def _has_written(self) -> bool:
        return any(what == self._written for _savepoints, what, _robust in connection.run_on_commit)
