"""Deeds of destinations beside saving their rows, which the trail records by itself."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from audit import trail
from audit.destinations import Destination, Forwarding
from audit.forwarding import turns
from audit.forwarding.failures import NotSent
from audit.forwarding.following import Place
from audit.forwarding.sending import send_test
from portal.errors import Refusal


@dataclass(frozen=True, slots=True)
class Tested:
    """`failure` names what went wrong (`audit.forwarding.failures.WORDS`), empty if nothing."""

    milliseconds: int
    failure: str = ""
    detail: str = ""


@transaction.atomic
def begin_forwarding(*, by: Any, destination: Destination, place: Place | None = None) -> None:
    """After it was added, `place` being where the trail was before: so the first entry that it gets is of its own making.

    After a change: it is tried at once, whatever it was waiting for.
    """
    _require(by, destination)
    turns.begin(destination, place)
    Forwarding.objects.filter(destination=destination).update(next_at=None)


@transaction.atomic
def set_paused(*, by: Any, destination: Destination, is_paused: bool) -> None:
    """Nothing is lost meanwhile: it goes on where it stopped."""
    _require(by, destination)
    destination.is_paused = is_paused
    destination.save(update_fields=["is_paused"])
    if not is_paused:
        Forwarding.objects.filter(destination=destination).update(next_at=None)


@transaction.atomic
def note_test(*, by: Any, destination: Destination) -> None:
    """Before it is sent: what leaves the portal is in the trail, whatever becomes of it."""
    _require(by, destination)
    trail.record(action="test_message_sent", target=destination)


def test_destination(destination: Destination) -> Tested:
    """Sends a message that says it is a test, over a connection of its own. No transaction may wait for it."""
    began, failure, detail = time.monotonic(), "", ""
    try:
        send_test(destination)
    except NotSent as error:
        failure, detail = error.kind, error.detail
    return Tested(round((time.monotonic() - began) * 1000), failure, detail)


def _require(by: Any, destination: Destination) -> None:
    if not by.has_perm("audit.change_destination", destination):
        raise Refusal("permission_denied")
