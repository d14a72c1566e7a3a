"""Who sends when: one worker a destination, under a lease in the destination's own row, and how far it got.

A batch that was sent is written down once the receiver has it. A worker that dies between the two leaves its lease to
end, and the next one sends that batch again: at least once, and never by two at the same time.
"""

import logging
import random
import secrets
import time
from datetime import timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Now

from audit.destinations import LARGEST_BATCH, Destination, Forwarding
from audit.forwarding import following
from audit.forwarding.failures import TOO_MUCH, NotSent
from audit.forwarding.following import Place
from audit.forwarding.messages import wanted_by
from audit.forwarding.sending import send_checkpoints, send_entries
from audit.models import Checkpoint, Entry

logger = logging.getLogger("audit.forwarding")

LEASE = timedelta(seconds=120)
SAFE_WITHIN_S = 60.0  # of a lease: what is begun by then is over before it ends (see `sending`)
TURN_S = 10.0  # of one destination, while others wait
MOST_BATCHES = 100  # a turn
MOST_CHECKPOINTS = 20  # a batch
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0


class LeaseLost(Exception):
    """Another worker has this destination by now; what was sent here is sent again there."""


def forward_due() -> int:
    """One turn of each destination that has something to send and is not another worker's; how many entries went out."""
    for destination in Destination.objects.filter(forwarding=None):
        begin(destination)
    return sum(turn(destination_id) for destination_id in due())


def begin(destination: Destination, place: Place | None = None) -> Forwarding:
    """Notes from where a new destination is sent to: from here, if it wants all from the beginning, or from a place."""
    place = place or following.start(from_beginning=destination.from_beginning)
    last = 0 if destination.from_beginning else _last_checkpoint()
    made, _is_new = Forwarding.objects.get_or_create(
        destination=destination,
        defaults={"upto": place.upto, "waits": place.stored, "checkpoint": last},
    )
    return made


def due() -> list[int]:
    """The destinations whose turn could be now. Only reads."""
    newest, last = following.newest(), _last_checkpoint()
    found = _free(Forwarding.objects.filter(destination__is_paused=False))
    return [
        row.pk
        for row in found.order_by(F("success_at").asc(nulls_first=True), "pk")
        if row.upto < newest or row.waits or row.checkpoint < last
    ]


def turn(destination_id: int) -> int:
    """Sends what there is to this destination, for TURN_S seconds or so, if nobody else does; how many entries."""
    held = _take(destination_id)
    return held.run() if held is not None else 0


def _free(rows: Any) -> Any:
    return rows.filter(
        Q(lease_ends_at=None) | Q(lease_ends_at__lte=Now()), Q(next_at=None) | Q(next_at__lte=Now())
    )


def _last_checkpoint() -> int:
    newest = Checkpoint._base_manager.order_by("-number").values_list("number", flat=True).first()
    return newest or 0


def _take(destination_id: int) -> "_Turn | None":
    token, began = secrets.token_hex(8), time.monotonic()
    mine = _free(Forwarding.objects.filter(pk=destination_id))
    if not mine.update(lease=token, lease_ends_at=Now() + LEASE):
        return None
    row = Forwarding.objects.select_related("destination").get(pk=destination_id)
    return _Turn(row, token, began)


class _Turn:
    """What one worker does with one destination while it has the lease."""

    def __init__(self, row: Forwarding, token: str, leased_at: float) -> None:
        self.row, self.token, self.leased_at = row, token, leased_at
        self.destination = row.destination
        self.place = Place.of(row.upto, row.waits)
        self.entries = 0
        self.size = 1  # of the batch under way

    def run(self) -> int:
        until = time.monotonic() + TURN_S
        try:
            for _batch in range(MOST_BATCHES):
                if self._is_paused() or not self._next() or time.monotonic() > until:
                    break
            self._keep(lease="", lease_ends_at=None)
        except LeaseLost:
            logger.warning("another worker took over destination %s", self.row.pk)
        except NotSent as failure:
            self._failed(failure)
        except Exception as error:
            logger.exception("forwarding to destination %s failed", self.row.pk)
            self._failed(NotSent("unexpected", type(error).__name__))
        return self.entries

    def _next(self) -> bool:
        """One batch, checkpoints before entries: they are what proves the entries. False once there is nothing more."""
        if time.monotonic() - self.leased_at > SAFE_WITHIN_S:
            raise LeaseLost
        rows = Checkpoint._base_manager.filter(number__gt=self.row.checkpoint).order_by("number")
        if checkpoints := list(rows[:MOST_CHECKPOINTS]):
            if self.destination.sends_checkpoints:
                self.size = 1
                send_checkpoints(self.destination, checkpoints)
                self._keep(checkpoint=checkpoints[-1].number, **self._worked())
            else:
                self._keep(checkpoint=_last_checkpoint())
            return True
        return self._next_entries()

    def _next_entries(self) -> bool:
        wants = wanted_by(self.destination)
        step = following.step(self.place, most=self.row.batch, wants=wants)
        changes: dict[str, Any] = {"upto": step.place.upto, "waits": step.place.stored}
        if step.entries:
            self._send(step.entries)
            wider = min(self.row.batch * 2, LARGEST_BATCH)
            changes |= {"batch": wider, "sent": F("sent") + len(step.entries), **self._worked()}
        if step.place != self.place:
            self._keep(**changes)
            self.place = step.place
        return not step.is_last

    def _send(self, entries: list[Entry]) -> None:
        self.size = len(entries)
        send_entries(self.destination, entries, is_alone=self.row.batch == 1)
        self.entries += len(entries)

    @staticmethod
    def _worked() -> dict[str, Any]:
        return {"success_at": Now(), "failures": 0, "failing_since": None, "next_at": None}

    def _keep(self, **changes: Any) -> None:
        """Writes down how far it got, and has the lease anew. Raises `LeaseLost`, and nothing is written."""
        changes = {"lease_ends_at": Now() + LEASE, **changes}
        now = time.monotonic()
        mine = Forwarding.objects.filter(pk=self.row.pk, lease=self.token, lease_ends_at__gt=Now())
        if not mine.update(**changes):
            raise LeaseLost
        self.leased_at = now
        for name in ("checkpoint", "batch"):
            if name in changes:
                setattr(self.row, name, changes[name])

    def _is_paused(self) -> bool:
        """Or deleted meanwhile."""
        rows = Destination.objects.filter(pk=self.row.pk, is_paused=False)
        return not rows.exists()

    def _failed(self, failure: NotSent) -> None:
        """Leaves it alone for a while, longer each time, and not for the same time everywhere."""
        failures = self.row.failures + 1 if not self.entries else 1
        pause = min(FIRST_PAUSE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)
        pause = failure.again_in or pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        changes: dict[str, Any] = {
            "failures": failures,
            "error": failure.kind,
            "detail": failure.detail,
            "error_at": Now(),
            "next_at": Now() + timedelta(seconds=pause),
            "lease": "",
            "lease_ends_at": None,
        }
        if failure.kind in TOO_MUCH:
            changes["batch"] = max(min(self.size, self.row.batch) // 2, 1)
        mine = Forwarding.objects.filter(pk=self.row.pk, lease=self.token)
        if mine.update(**changes):
            mine_now = Forwarding.objects.filter(pk=self.row.pk, failing_since=None)
            mine_now.update(failing_since=Now())
        logger.warning("destination %s: %s", self.row.pk, failure)
