"""Exact limits over threads, processes and machines: GCRA on Redis, or on the database where there is none.

*Exact* means: at most the burst at once, plus what has trickled in since, one per `period / count` (decision 1).
Several limits are taken all or nothing, and a refusal takes nothing. Times are whole microseconds, so that no
rounding ever lets one more pass; an interval that is not whole is rounded up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from portal.limit_stores import store

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` per `period_s` seconds for whatever `key` names; `burst` at once (the count where it is None)."""

    key: str
    count: int
    period_s: float
    burst: int | None = None

    @property
    def interval(self) -> int:
        """Microseconds after which one more trickles in."""
        return max(1, -(-round(self.period_s * MICROSECONDS) // self.count))

    @property
    def capacity(self) -> int:
        """Microseconds that an empty bucket needs to be full of takings."""
        return self.interval * (self.count if self.burst is None else self.burst)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it. The figures are those of the limit nearest to its end, or of the one that refused.

    `retry_after` and `reset` (until all of it is free again) are in seconds; `limit` is 0 where none applied.
    """

    allowed: bool
    retry_after: float = 0.0
    limit: int = 0
    remaining: int = 0
    reset: float = 0.0
    key: str = ""

    def headers(self) -> dict[str, str]:
        """`RateLimit-*`; whole seconds, rounded up. Empty where no limit applied."""
        if not self.limit:
            return {}
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(-int(-self.reset // 1)),
        }


def clock() -> int | None:
    """Microseconds since 1970 for all stores, or None: each store's own clock. Tests freeze it here."""
    return None


def take(limits: Sequence[Limit]) -> Taken:
    """Takes one from each limit, or from none of them.

    Raises RuntimeError inside a transaction: there it would hold the buckets' locks, and a rollback would give
    back what was taken.
    """
    _refuse_transactions()
    if len({limit.key for limit in limits}) < len(limits):
        raise ValueError("Two limits share a key.")
    if not limits:
        return Taken(allowed=True)
    closed = [limit for limit in limits if limit.count < 1 or limit.burst == 0]
    if closed:
        return Taken(
            allowed=False,
            retry_after=closed[0].period_s,
            reset=closed[0].period_s,
            key=closed[0].key,
        )
    wants = [(limit.key, limit.interval, limit.capacity) for limit in limits]
    now, tats, allowed = store().take(wants, clock())
    return _judged(limits, now, tats, allowed)


def give_back(limits: Sequence[Limit]) -> None:
    """Returns what a `take` took, for limits that count failures only: taken before the attempt, returned on success."""
    store().give_back([(limit.key, limit.interval, limit.capacity) for limit in limits])


def is_degraded() -> bool:
    """True while this process does without its Redis; the console and `/readyz` say so."""
    return store().is_degraded


def _judged(limits: Sequence[Limit], now: int, tats: Sequence[int], allowed: bool) -> Taken:
    """The figures, from the buckets' arrival times after the attempt, in the order of the limits."""
    found = []
    for limit, tat in zip(limits, tats, strict=True):
        used = max(0, tat - now)
        wait = max(0, used + limit.interval - limit.capacity)
        found.append(
            Taken(
                allowed=allowed,
                retry_after=0.0 if allowed else wait / MICROSECONDS,
                limit=limit.count,
                remaining=max(0, (limit.capacity - used) // limit.interval),
                reset=used / MICROSECONDS,
                key=limit.key,
            )
        )
    return min(found, key=lambda taken: (taken.remaining, -taken.retry_after))


def _refuse_transactions() -> None:
    """Like `atomic(durable=True)`: the transaction that a test case wraps around a test does not count."""
    blocks = connection.atomic_blocks
    if connection.in_atomic_block and not (blocks and blocks[-1]._from_testcase):
        raise RuntimeError("Limits are taken outside of transactions.")
