"""One batch to one destination, whatever its kind; each is over, one way or the other, within half a minute or so."""

from collections.abc import Iterable

from audit.destinations import Destination
from audit.forwarding import connection, syslog, webhook
from audit.models import Checkpoint, Entry


def send_entries(destination: Destination, entries: list[Entry], *, is_alone: bool = False) -> None:
    """Raises `NotSent`. `is_alone` where even two were too much: then the entry itself is cut as short as can be."""
    if destination.kind == Destination.Kind.WEBHOOK:
        webhook.deliver_entries(destination, entries, is_short=is_alone)
        return
    connection.deliver(
        destination, (syslog.framed(syslog.entry_message(one, destination)) for one in entries)
    )


def send_checkpoints(destination: Destination, checkpoints: Iterable[Checkpoint]) -> None:
    """Raises `NotSent`."""
    if destination.kind == Destination.Kind.WEBHOOK:
        webhook.deliver_checkpoints(destination, [one.line for one in checkpoints])
        return
    parts = (
        part
        for one in checkpoints
        for part in syslog.checkpoint_messages(one.number, one.created_at, one.line, destination)
    )
    connection.deliver(destination, map(syslog.framed, parts))


def send_test(destination: Destination) -> None:
    """One message that says it is a test. Raises `NotSent`."""
    if destination.kind == Destination.Kind.WEBHOOK:
        webhook.deliver_test(destination)
        return
    connection.deliver(destination, [syslog.framed(syslog.test_message(destination))])
