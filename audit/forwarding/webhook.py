"""Batches as signed HTTPS requests, through the one HTTP client: its rules of addresses hold, redirects are not followed.

`Gatehouse-Signature: t=<seconds since 1970>,v1=<hex>`, where v1 is HMAC-SHA256 under the destination's secret over
`<t>.<body>`, byte for byte. A receiver refuses what is older than REPLAY_WINDOW_S seconds. Any 2xx says that the batch is
kept; everything else, and nothing, that it is to come again.
"""

import hashlib
import hmac
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import requests

from audit.destinations import LARGEST_MESSAGE, SMALLEST_MESSAGE, Destination
from audit.forwarding import messages
from audit.forwarding.failures import NotSent
from audit.forwarding.tls import in_memory
from audit.models import Entry
from portal.keyring import Unreadable
from portal.safe_http import Head, OutboundFailure, SafeClient, Timeouts

FORMAT = "gatehouse-audit/1"
SIGNATURE = "Gatehouse-Signature"
REPLAY_WINDOW_S = 300
PATIENCE = Timeouts(connect_s=5.0, read_s=10.0, total_s=30.0)
LONGEST_ANSWER = 64 * 1024  # bytes; nobody reads them
LONGEST_PAUSE_S = 3600.0  # that a receiver may ask for


def deliver_entries(
    destination: Destination, entries: Iterable[Entry], *, is_short: bool = False
) -> None:
    """Raises `NotSent` unless the receiver says that it has them."""
    most = SMALLEST_MESSAGE if is_short else LARGEST_MESSAGE
    _post(
        destination, "entries", [messages.entry_text(entry, destination, most) for entry in entries]
    )


def deliver_checkpoints(destination: Destination, lines: list[str]) -> None:
    """The lines as they are in the checkpoints file, as texts: parsed and written anew they would not verify."""
    _post(destination, "checkpoints", [messages.text_of(line) for line in lines])


def deliver_test(destination: Destination) -> None:
    _post(destination, "test", [])


def signature_of(secret: str, body: bytes, moment: int) -> str:
    """The header's value."""
    signed = b"%d.%s" % (moment, body)
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _post(destination: Destination, kind: str, items: list[str]) -> None:
    """`items` are JSON already."""
    head = messages.text_of({"format": FORMAT, "destination": destination.uid, "kind": kind})
    body = f'{head[:-1]},"items":[{",".join(items)}]}}'.encode()
    try:
        secret = destination.secret
    except Unreadable:
        raise NotSent("unreadable") from None
    if not secret:
        raise NotSent("unreadable", "no secret")
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "gatehouse",
        # The same for the same batch, sent again: who keeps these needs to look at nothing else.
        "Gatehouse-Delivery": hashlib.sha256(body).hexdigest()[:32],
        SIGNATURE: signature_of(secret, body, int(time.time())),
    }
    request = requests.Request("POST", destination.url, headers=headers, data=body).prepare()
    try:
        with _client(destination) as client:
            answer, _body = client.fetch(request, max_bytes=LONGEST_ANSWER)
    except OutboundFailure as failure:
        if failure.kind == "too_large":  # its answer, not ours
            raise NotSent("broken", "too long an answer") from None
        raise NotSent(failure.kind, failure.detail) from None
    _judge(answer)


@contextmanager
def _client(destination: Destination) -> Iterator[SafeClient]:
    own = destination.ca_certificate.strip()
    with in_memory(*([own] if own else [])) as files:
        yield SafeClient(destination.url, PATIENCE, ca_file=files[0] if files else None)


def _judge(head: Head) -> None:
    detail = f"HTTP {head.status}"
    if 200 <= head.status < 300:
        return
    if 300 <= head.status < 400:
        raise NotSent("redirected", detail)
    if head.status == 413:
        raise NotSent("too_large", detail)
    if head.status in (429, 503):
        raise NotSent("busy", detail, again_in=_asked_pause(head))
    raise NotSent("rejected", detail)


def _asked_pause(head: Head) -> float:
    text = head.headers.get("retry-after", "")
    return min(float(text), LONGEST_PAUSE_S) if text.isdecimal() and len(text) < 8 else 0.0
