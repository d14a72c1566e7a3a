"""Batches to a real HTTPS receiver: signed, kept only once it says so, and sent again until it does."""

import hashlib
import hmac
import json
import re
import time
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.forwarding import messages, turns, webhook
from audit.models import Checkpoint, Destination, Entry, Forwarding
from audit.trail import record
from portal import public_addresses
from portal.safe_http import Timeouts
from tests.audit.receivers import WebhookReceiver
from tests.audit.test_syslog import tls
from tests.certificates import Authority

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef0123456789abcdef0123"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def names(monkeypatch, settings):
    settings.PRIVATE_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["127.0.0.1"])


@pytest.fixture
def receiver(names, authority, tmp_path):
    found = WebhookReceiver(tls(authority.issue("hook.test"), tmp_path))
    yield found
    found.close()


@pytest.fixture
def destination(receiver, authority):
    row = Destination(
        name="Hook",
        kind="webhook",
        url=f"https://hook.test:{receiver.port}/in?source=portal",
        ca_certificate=authority.pem,
        sends_checkpoints=False,
    )
    row.set_secret(SECRET)
    row.save()
    turns.begin(row)
    return row


def max_id():
    return Entry.objects.order_by("-id").values_list("id", flat=True).first()


def write(count=1, **fields):
    before = max_id()
    for number in range(count):
        record(action="exported", target_type="x.Y", target_id=str(number), **fields)
    return list(Entry.objects.filter(id__gt=before).order_by("id").values_list("id", flat=True))


def forward():
    Forwarding.objects.update(next_at=None)
    return turns.forward_due()


def state():
    return Forwarding.objects.get()


def documented():
    """The function that docs/audit.md shows."""
    text = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    found: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], found)
    return found["is_ours"]


def holds(header, body, secret=SECRET, now=None):
    with pytest.MonkeyPatch.context() as patch:
        if now is not None:
            patch.setattr(time, "time", lambda: now)
        return documented()(header, body, secret)


def test_a_batch_arrives_once_signed_and_in_order(destination, receiver):
    ids = write(3)
    assert forward() == 3
    assert forward() == 0
    (request,) = receiver.requests
    assert receiver.ids == ids
    assert holds(request.headers["gatehouse-signature"], request.body)
    assert request.headers["content-type"] == "application/json"
    said = request.json
    assert (said["format"], said["kind"]) == ("gatehouse-audit/1", "entries")
    assert said["destination"] == destination.uid
    assert said["items"][0]["action"] == "exported"
    assert SECRET not in str(request.headers) + request.body.decode()


def test_a_wrong_signature_is_told_apart(destination, receiver):
    write()
    forward()
    (request,) = receiver.requests
    header, body = request.headers["gatehouse-signature"], request.body
    assert not holds(header, body, secret="another" * 6)
    assert not holds(header, body.replace(b"exported", b"imported"))
    assert not holds(header, body, now=time.time() + 301)
    moved = header.replace("t=", "t=1")
    assert not holds(moved, body, now=float(moved[2:].split(",")[0]))


def test_checkpoints_arrive_byte_for_byte(destination, receiver):
    Destination.objects.update(sends_checkpoints=True, sends_entries=False)
    lines = ['{"format":"gatehouse-checkpoint/1","number":1,"name":"Zürich"}', "x" * 90_000]
    for number, line in enumerate(lines, start=1):
        Checkpoint.objects.create(number=number, first_id=1, last_id=1, count=1, line=line)
    forward()
    (request,) = receiver.requests
    assert (request.json["kind"], request.json["items"]) == ("checkpoints", lines)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (500, {}, "rejected"),
        (503, {}, "busy"),
        (429, {}, "busy"),
        (400, {}, "rejected"),
        (401, {}, "rejected"),
        (413, {}, "too_large"),
        (301, {"Location": "https://elsewhere.test/"}, "redirected"),
        (307, {"Location": "http://169.254.169.254/latest/"}, "redirected"),
    ],
)
def test_what_is_refused_is_sent_again(destination, receiver, status, headers, kind):
    ids = write(2)
    receiver.answers.append((status, headers))
    assert forward() == 0
    assert len(receiver.requests) == 1
    found = state()
    assert (found.error, found.detail, found.failures) == (kind, f"HTTP {status}", 1)
    assert found.next_at > timezone.now()
    assert turns.due() == []
    while forward():
        pass
    assert receiver.ids[-2:] == ids
    assert state().failures == 0


def test_a_pause_that_is_asked_for_is_kept(destination, receiver):
    write()
    receiver.answers.append((429, {"Retry-After": "120"}))
    forward()
    assert 110 < (state().next_at - timezone.now()).total_seconds() <= 120
    for header in ("9" * 7, "soon", "-1"):
        receiver.answers.append((429, {"Retry-After": header}))
        forward()
        assert (state().next_at - timezone.now()).total_seconds() <= 3600


def test_too_large_halves_the_batch_down_to_single_short_entries(destination, receiver):
    ids = write(4, changes={"note": "x" * 20_000})
    for _time in range(3):
        receiver.answers.append((413, {}))
        forward()
    assert state().batch == 1
    forward()
    last = receiver.requests[3].json["items"]
    assert [one["id"] for one in last] == ids[:1]
    assert last[0]["truncated"] == ["changes"]
    while forward():
        pass
    assert list(dict.fromkeys(receiver.ids)) == ids
    assert state().batch > 1


def test_silence_ends_and_nothing_is_lost(destination, receiver, monkeypatch):
    monkeypatch.setattr(webhook, "PATIENCE", Timeouts(connect_s=1, read_s=0.3, total_s=1))
    ids = write(2)
    receiver.silent.set()
    forward()
    assert state().error == "timeout"
    receiver.silent.clear()
    while forward():
        pass
    assert receiver.ids[-2:] == ids


def test_a_receiver_that_is_gone_is_waited_for(destination, receiver):
    ids = write(2)
    receiver.close()
    forward()
    assert state().error in ("unreachable", "broken")
    assert state().upto < ids[0]


def test_another_authority_is_refused(destination, receiver):
    Destination.objects.update(ca_certificate=Authority().pem)
    write()
    forward()
    assert (state().error, receiver.requests) == ("untrusted", [])


@pytest.mark.parametrize("address", ["10.0.0.7", "169.254.169.254", "127.0.0.1"])
def test_private_addresses_are_not_asked(destination, receiver, settings, monkeypatch, address):
    settings.PRIVATE_NETWORKS = []
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: [address])
    write()
    forward()
    assert (state().error, receiver.requests) == ("refused", [])


def test_its_secret_and_the_receivers_words_are_in_no_log_and_no_row(destination, receiver, caplog):
    write()
    receiver.answers.append((500, {"X-Leak": "sk-leaked"}))
    forward()
    row = str(Forwarding.objects.values().get()) + caplog.text
    assert "HTTP 500" in row
    for secret in (SECRET, "sk-leaked", "hook.test", "127.0.0.1"):
        assert secret not in row
    assert SECRET not in str(list(Entry.objects.values()))


def test_a_secret_that_cannot_be_read_is_said_and_nothing_is_sent(destination, receiver):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_destination SET secret = %s", [b"damaged.damaged"])
    write()
    forward()
    assert (state().error, receiver.requests) == ("unreadable", [])


def test_paused_it_gets_nothing_and_resumed_everything(destination, receiver):
    Destination.objects.update(is_paused=True)
    ids = write(3)
    assert forward() == 0
    Destination.objects.update(is_paused=False)
    forward()
    assert set(ids) <= set(receiver.ids)
    assert receiver.ids == sorted(set(receiver.ids))


# What the row itself keeps.


def test_a_new_url_needs_the_secret_anew_at_every_door(destination):
    destination.url = "https://evil.test/"
    with pytest.raises(ValueError, match="secret"):
        destination.save()
    with pytest.raises(ValidationError) as caught:
        destination.full_clean()
    assert "url" in caught.value.message_dict
    with pytest.raises(ValueError, match="secret"):
        Destination.objects.update(url="https://evil.test/")
    destination.set_secret("another-" + SECRET)
    destination.full_clean()
    destination.save()
    assert Destination.objects.get().secret == "another-" + SECRET


@pytest.mark.parametrize(
    "url",
    ["http://x.test/", "ftp://x.test", "https://u:p@x.test/", "https://x.test/#f", "x", "https://"],
)
def test_only_https_without_credentials_is_an_address(url):
    row = Destination(name="x", kind="webhook", url=url)
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert "url" in caught.value.message_dict


@pytest.mark.parametrize("secret", ["short", "a b" * 20, "é" * 40])
def test_a_secret_is_long_and_plain(secret):
    with pytest.raises(ValidationError):
        Destination(kind="webhook").set_secret(secret)


def test_the_signature_is_what_the_documentation_says():
    header = webhook.signature_of("k" * 32, b'{"a":1}', 1_800_000_000)
    expected = hmac.new(b"k" * 32, b'1800000000.{"a":1}', hashlib.sha256).hexdigest()
    assert header == f"t=1800000000,v1={expected}"


def test_the_body_is_json_on_one_line(destination, receiver):
    write(changes={"note": "a\nb\x85 \u2028"})
    forward()
    body = receiver.requests[0].body.decode()
    assert body.isprintable()
    assert json.loads(body)["items"][0]["changes"] == {"note": "a\nb\x85 \u2028"}
    assert messages.text_of("\x9b") == '"\\u009b"'
