"""Where the limiter's buckets live: the database, or Redis with the database behind it.

Each store has an *epoch*: the moment since which it knows all that was taken. A bucket that it has not seen since then
counts as full at that moment (decision 3), so neither a Redis that lost its memory nor a change of stores lets more
than the limit pass. All times are whole microseconds since 1970 on the store's own clock.

Redis needs `maxmemory-policy noeviction` (its default): an evicted bucket would count as fresh.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal.limit_scripts import GIVE_BACK, OPEN, TAKE
from portal.models import Bucket

logger = logging.getLogger("portal.limits")

Want = tuple[str, int, int]  # key, interval, capacity (microseconds)
Result = tuple[int, list[int], bool]  # now, arrival times in the order of the wants, allowed

ACTIVE = "@store"  # the row that says which store was the last to take
DATABASE, REDIS = 0, 1
UNSEEN = -1
REDIS_TIMEOUT_S = 0.5
REDIS_PAUSE_S = 1.0  # how long a dead Redis is left alone


class Store(Protocol):
    def take(self, wants: Sequence[Want], now: int | None) -> Result: ...

    def give_back(self, wants: Sequence[Want]) -> None: ...

    @property
    def is_degraded(self) -> bool: ...


class DatabaseStore:
    """One short transaction of its own: locks the buckets in key order, decides, writes or leaves all."""

    is_degraded = False

    def __init__(self, epoch: Callable[[int], int]) -> None:
        self._find_epoch = epoch
        self._epoch: int | None = None

    def take(self, wants: Sequence[Want], now: int | None) -> Result:
        with transaction.atomic(durable=True):
            rows, own_now = _locked_rows(sorted(key for key, _i, _c in wants))
            now = own_now if now is None else now
            if self._epoch is None:
                self._epoch = self._find_epoch(now)
            tats, allowed = [], True
            for key, interval, capacity in wants:
                tat, seen = rows[key]
                if seen < self._epoch:
                    tat = max(tat, self._epoch + capacity)
                tat = max(tat, now)
                allowed = allowed and tat + interval - now <= capacity
                tats.append(tat)
            if allowed:
                tats = [tat + want[1] for tat, want in zip(tats, wants, strict=True)]
                _write_rows(
                    [(want[0], tat, self._epoch) for want, tat in zip(wants, tats, strict=True)]
                )
        return now, tats, allowed

    def give_back(self, wants: Sequence[Want]) -> None:
        with connection.cursor() as cursor:
            for key, interval, _capacity in sorted(wants):
                cursor.execute(
                    "UPDATE portal_bucket SET tat = tat - %s WHERE key = %s", [interval, key]
                )


def _locked_rows(keys: list[str]) -> tuple[dict[str, tuple[int, int]], int]:
    """`{key: (tat, epoch)}` under this transaction's locks, and the database's clock after they were gained."""
    clock = (
        "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
        if connection.vendor == "postgresql"
        else "0"
    )
    values = ", ".join(["(%s, 0, %s)"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO portal_bucket (key, tat, epoch) VALUES {values}"  # noqa: S608 (no input in it)
            " ON CONFLICT (key) DO UPDATE SET epoch = portal_bucket.epoch"
            f" RETURNING key, tat, epoch, {clock}",
            [item for key in keys for item in (key, UNSEEN)],
        )
        found = cursor.fetchall()
    now = max(row[3] for row in found) or time.time_ns() // 1000
    return {key: (tat, epoch) for key, tat, epoch, _now in found}, now


def _write_rows(rows: list[tuple[str, int, int]]) -> None:
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO portal_bucket (key, tat, epoch) VALUES {values}"  # noqa: S608 (no input in it)
            " ON CONFLICT (key) DO UPDATE SET tat = excluded.tat, epoch = excluded.epoch",
            [item for row in rows for item in row],
        )


def _database_epoch(now: int) -> int:
    """The epoch of the database as the only store: from the beginning, or since Redis was given up."""
    row, created = Bucket.objects.get_or_create(key=ACTIVE, defaults={"tat": DATABASE, "epoch": 0})
    if not created and row.tat == REDIS:
        Bucket.objects.filter(key=ACTIVE).update(tat=DATABASE, epoch=now)
        return now
    return row.epoch


def _substitute_epoch(now: int) -> int:
    Bucket.objects.update_or_create(key=ACTIVE, defaults={"tat": DATABASE, "epoch": now})
    return now


EPOCH_KEY = "gatehouse:limits:epoch"
EVER = 1  # an epoch's start that is long ago: nothing was taken elsewhere


class RedisStore:
    """One Lua script with the server's clock. While Redis is dead the database takes over, every bucket full at first.

    Each process finds out for itself, so two of them may disagree for about a second; in that time each lets no
    more than its trickle pass.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # an idle connection that the server closed
        )
        self._take = self._redis.register_script(TAKE)
        self._open = self._redis.register_script(OPEN)
        self._give = self._redis.register_script(GIVE_BACK)
        self._lock = threading.Lock()
        self._is_active = False
        self._substitute: DatabaseStore | None = None
        self._leave_alone_until = 0.0

    @property
    def is_degraded(self) -> bool:
        return self._substitute is not None and not self._is_active

    def take(self, wants: Sequence[Want], now: int | None) -> Result:
        if not self._is_active:
            self._try_to_activate(now)
        if self._is_active:
            try:
                return self._attempt(wants, now)
            except RedisError as error:
                self._fall(error)
        assert self._substitute is not None  # noqa: S101 - falling made one
        return self._substitute.take(wants, now)

    def give_back(self, wants: Sequence[Want]) -> None:
        if not self._is_active:
            if self._substitute is not None:
                self._substitute.give_back(wants)
            return
        keys = [f"gatehouse:limit:{key}" for key, _i, _c in wants]
        try:
            self._give(keys=keys, args=[interval for _k, interval, _c in wants])
        except RedisError:
            return  # stricter for a while than it has to be

    def _try_to_activate(self, now: int | None) -> None:
        """One thread probes; the others wait for it only where nothing else could answer them."""
        if not self._lock.acquire(blocking=self._substitute is None):
            return
        try:
            if self._is_active or time.monotonic() < self._leave_alone_until:
                return
            row = Bucket.objects.filter(key=ACTIVE).first()
            if row is None:  # nothing was ever taken; the epoch first, others look at the row
                self._open(keys=[EPOCH_KEY], args=[EVER, "NX"])
                Bucket.objects.get_or_create(key=ACTIVE, defaults={"tat": REDIS})
            elif row.tat == DATABASE or self._substitute is not None:
                self._open(keys=[EPOCH_KEY], args=[now or 0, ""])
                Bucket.objects.filter(key=ACTIVE).update(tat=REDIS)
            self._is_active = True
        except RedisError as error:
            self._give_up(error)
        finally:
            self._lock.release()

    def _fall(self, error: RedisError) -> None:
        with self._lock:
            if self._is_active or self._substitute is None:
                self._give_up(error)

    def _give_up(self, error: RedisError) -> None:
        if self._is_active or self._substitute is None:
            logger.error("Limits are degraded: Redis failed (%s).", type(error).__name__)
            self._substitute = DatabaseStore(_substitute_epoch)
        self._is_active = False
        self._leave_alone_until = time.monotonic() + REDIS_PAUSE_S

    def _attempt(self, wants: Sequence[Want], now: int | None) -> Result:
        keys = [EPOCH_KEY, *(f"gatehouse:limit:{key}" for key, _i, _c in wants)]
        arguments: list[Any] = [now or 0]
        for _key, interval, capacity in wants:
            arguments += [interval, capacity]
        answer = self._take(keys=keys, args=arguments)
        if answer == [-1]:  # it lost its memory
            logger.error("Limits start over: Redis has no epoch.")
            self._open(keys=keys[:1], args=[now or 0, "NX"])
            answer = self._take(keys=keys, args=arguments)
        return answer[1], answer[2:], answer[0] == 1


_stores: dict[str, Store] = {}
_lock = threading.Lock()


def store() -> Store:
    """The store of this installation: Redis if one is configured, else the database."""
    url = settings.REDIS_URL
    found = _stores.get(url)
    if found is None:
        with _lock:
            found = _stores.get(url) or (RedisStore(url) if url else DatabaseStore(_database_epoch))
            _stores[url] = found
    return found


def forget_stores() -> None:
    """The next take starts like a new process."""
    with _lock:
        _stores.clear()
