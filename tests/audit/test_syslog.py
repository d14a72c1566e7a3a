"""Entries and checkpoints to a real syslog receiver over TLS: what it gets, and that nothing counts which it did not take."""

import json
import ssl
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connection as database
from django.utils import timezone

from audit.forwarding import connection, syslog, turns
from audit.forwarding.failures import NotSent
from audit.models import Checkpoint, Destination, Entry, Forwarding
from audit.trail import record
from portal import public_addresses
from portal.context import Actor, RequestContext, entered
from tests.audit.receivers import SyslogReceiver, parsed
from tests.certificates import Authority, written

pytestmark = pytest.mark.django_db
WILD = "Zeile 1\nZeile 2 \x7f \u2028 ü"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def server_context(authority, tmp_path_factory):
    return tls(authority.issue("siem.test"), tmp_path_factory.mktemp("tls"))


def tls(issued, folder, clients=""):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(written(folder, "server.pem", *issued))
    if clients:
        context.load_verify_locations(cadata=clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def names(monkeypatch, settings):
    """Every name is this machine, whose network is listed."""
    settings.PRIVATE_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.BASE_URL = "https://portal.example.com"
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["127.0.0.1"])


@pytest.fixture
def receiver(names, server_context):
    found = SyslogReceiver(server_context)
    yield found
    found.stop()


@pytest.fixture
def destination(receiver, authority):
    return make(receiver, authority)


def make(receiver, authority, **fields):
    row = Destination(
        name="SIEM",
        kind="syslog",
        host="siem.test",
        port=receiver.port,
        ca_certificate=authority.pem if authority else "",
        sends_checkpoints=False,
        **fields,
    )
    row.save()
    turns.begin(row)
    Forwarding.objects.update(upto=max_id())
    return row


def max_id():
    return Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def write(count=1, **fields):
    """So many entries, by id."""
    before = max_id()
    for number in range(count):
        record(action="exported", target_type="x.Y", target_id=str(number), **fields)
    return list(Entry.objects.filter(id__gt=before).order_by("id").values_list("id", flat=True))


def forward():
    """As if every pause were over."""
    Forwarding.objects.update(next_at=None)
    return turns.forward_due()


def state():
    return Forwarding.objects.get()


def test_entries_arrive_once_in_order_as_strict_messages(destination, receiver):
    who = Actor("user", "7", "zoe@example.com")
    with entered(RequestContext(request_id="req_1", address="203.0.113.9", actor=who, path="/x/")):
        ids = write(3, status=403, changes={"note": [None, WILD]})
    assert forward() == 3
    assert receiver.ids == ids
    message = receiver.messages[0]
    assert (message.facility, message.severity) == (13, 4)
    assert (message.host, message.app) == ("portal.example.com", "gatehouse")
    assert (message.kind, message.element) == ("audit-entry", "gatehouse@32473")
    assert message.data["id"] == str(ids[0])
    assert message.data["outcome"] == "refused"
    assert message.data["request_id"] == "req_1"
    assert message.json["changes"] == {"note": [None, WILD]}
    assert "\x7f" not in message.text
    assert forward() == 0
    assert (len(receiver.raw), receiver.connections, state().sent) == (3, 1, 3)


@pytest.mark.parametrize(("status", "severity"), [(None, 6), (302, 6), (404, 4), (503, 3)])
def test_severity_follows_the_outcome(destination, receiver, status, severity):
    write(status=status)
    forward()
    assert receiver.messages[0].severity == severity


def test_what_is_set_for_it_stands_in_the_message(receiver, authority):
    make(receiver, authority, enterprise_number=4711, facility=10)
    write()
    forward()
    (message,) = receiver.messages
    assert (message.facility, message.element) == (10, "gatehouse@4711")


def test_values_of_the_structured_data_cannot_leave_it(destination, receiver):
    hostile = 'a"] [x@1 y="z\\"]\x00\n\x1b' + "é" * 90
    record(action="exported", target_type="x.Y", target_id=hostile[:100])
    forward()
    (message,) = receiver.messages
    assert message.data["target_id"] == ('a"] [x@1 y="z\\"]\ufffd \ufffd' + "é" * 90)[:64]
    assert set(message.data) == {
        *("id", "action", "outcome", "actor_kind", "target_type", "target_id", "request_id")
    }


def test_personal_values_are_masked_unless_chosen(destination, receiver, cast):
    forward()
    receiver.raw.clear()
    who = Actor("user", str(cast.admin.pk), cast.admin.email)
    with entered(RequestContext(address="203.0.113.9", actor=who)):
        cast.marco.name = "Marco Polo"
        cast.marco.save()
    forward()
    assert "Marco" not in receiver.messages[0].text
    assert "203.0.113.9" not in receiver.messages[0].text
    assert cast.admin.email.encode() not in receiver.raw[0]
    said = receiver.messages[0].json
    assert said["changes"] == {"name": ["••••", "••••"]}
    assert (said["actor_label"], said["address"]) == ("••••", "••••")
    assert said["actor_user_id"] == cast.admin.pk
    Destination.objects.update(includes_personal=True)
    Forwarding.objects.update(upto=said["id"] - 1)
    forward()
    said = next(one.json for one in receiver.messages[1:] if one.json["id"] == said["id"])
    assert said["changes"] == {"name": ["Marco", "Marco Polo"]}
    assert (said["actor_label"], said["address"]) == (cast.admin.email, "203.0.113.9")


def test_what_was_erased_is_erased_there_too(receiver, authority, cast):
    from portal import keyring

    make(receiver, authority, includes_personal=True)
    cast.marco.name = "Marco Polo"
    cast.marco.save()
    keyring.destroy(keyring.person(cast.marco.pk))
    forward()
    said = [one.json for one in receiver.messages if one.data.get("target_type") == "accounts.User"]
    assert said[-1]["changes"] == {"name": ["(erased)", "(erased)"]}


def test_only_what_was_asked_for_is_sent_and_the_rest_is_dealt_with(receiver, authority):
    make(receiver, authority, sends_done=False, actions="sign_in*, *_exported")
    for action, status in (
        ("sign_in", 200),
        ("sign_in_failed", 401),
        ("access_exported", 403),
        ("update", 403),
        ("sign_out", 500),
    ):
        record(action=action, target_type="x.Y", status=status)
    forward()
    actions = [one.data["action"] for one in receiver.messages]
    assert actions == ["sign_in_failed", "access_exported"]
    assert state().upto == max_id()


def test_a_long_entry_loses_its_longest_values_and_says_which(receiver, authority):
    row = make(receiver, authority, max_message_bytes=4096)
    record(action="exported", target_type="x.Y", changes={"list": ["ü" * 5000]}, reason="short")
    record(action="exported", target_type="x.Y", changes={"a": 1}, reason="ü" * 9000)
    forward()
    first, second = (one.json for one in receiver.messages)
    assert (first["truncated"], first["reason"]) == (["changes"], "short")
    assert (second["truncated"], second["changes"]) == (["reason"], {"a": 1})
    assert all(len(raw) <= row.max_message_bytes for raw in receiver.raw)


def test_no_entry_is_longer_than_allowed_whatever_is_in_it(receiver, authority):
    row = make(receiver, authority, max_message_bytes=4096)
    wild = "\U0001f600]" * 100
    record(
        action=wild[:64],
        target_type=wild[:100],
        target_id=wild[:100],
        target_label=wild,
        reason=wild * 99,
        actor=Actor(wild[:16], wild[:64], wild, owner_id=None),
    )
    forward()
    (message,) = receiver.messages
    assert len(receiver.raw[0]) <= row.max_message_bytes
    assert message.json["id"] == int(message.data["id"])


def test_checkpoints_arrive_as_they_are_sealed_and_join_to_their_line(receiver, authority):
    row = make(receiver, authority, sends_entries=False, max_message_bytes=4096)
    Destination.objects.update(sends_checkpoints=True)
    lines = ['{"number":1}', json.dumps({"leaves": "x" * 9000}), '{"n":"' + "ü" * 5000 + '"}']
    for number, line in enumerate(lines, start=1):
        Checkpoint.objects.create(number=number, first_id=1, last_id=1, count=1, line=line)
    write()
    forward()
    joined: dict[str, str] = {}
    for one in receiver.messages:
        assert one.kind == "audit-checkpoint"
        joined[one.data["checkpoint"]] = joined.get(one.data["checkpoint"], "") + one.text
    assert list(joined.values()) == lines
    assert max(map(len, receiver.raw)) <= row.max_message_bytes
    assert next(one.data["parts"] for one in receiver.messages) == "1"
    assert state().checkpoint == 3
    assert not turns.due()


@pytest.mark.parametrize("personal", [False, True])
def test_in_ocsf_each_event_names_its_class_and_its_entry(receiver, authority, personal):
    make(receiver, authority, format="ocsf", includes_personal=personal, max_message_bytes=4096)
    with entered(RequestContext(address="203.0.113.9")):
        ids = write(1, status=403)
        ids += write(1, reason="ü" * 9000)
    forward()
    first, second = receiver.messages
    assert [one.json["metadata"]["uid"] for one in (first, second)] == [str(one) for one in ids]
    assert (first.json["class_uid"], first.json["status"]) == (6003, "Failure")
    assert ("203.0.113.9" in first.text) is personal
    assert second.json["truncated"] == ["unmapped"]
    assert second.json["type_uid"] == 600302


def test_what_has_no_ocsf_event_goes_as_the_trail_has_it(receiver, authority, monkeypatch):
    def broken(*args, **kwargs):
        raise LookupError

    monkeypatch.setattr("audit.forwarding.messages.ocsf_event", broken)
    make(receiver, authority, format="ocsf")
    ids = write(2)
    forward()
    assert [one.json["id"] for one in receiver.messages] == ids


# What goes wrong.


def fails(kind, detail=""):
    assert forward() == 0
    found = state()
    assert found.error == kind, (found.error, found.detail)
    assert detail in found.detail
    assert found.next_at > timezone.now()
    assert found.upto < max_id()
    assert not turns.due()
    return found


def test_another_authority_an_expired_certificate_and_another_name_are_refused(
    names, authority, tmp_path
):
    other = Authority("other.test")
    for number, (issued, ca, words) in enumerate(
        (
            (authority.issue("siem.test"), other.pem, "unable to get local issuer"),
            (authority.issue("siem.test"), "", "unable to get local issuer"),
            (authority.issue("siem.test", days=-1), authority.pem, "expired"),
            (authority.issue("elsewhere.test"), authority.pem, "mismatch"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        receiver = SyslogReceiver(tls(issued, folder))
        row = make(receiver, None)
        Destination.objects.filter(pk=row.pk).update(ca_certificate=ca)
        write()
        fails("untrusted", words)
        assert receiver.raw == []
        row.delete()
        receiver.stop()


def test_a_receiver_that_wants_a_client_certificate_gets_it(names, authority, tmp_path):
    context = tls(authority.issue("siem.test"), tmp_path, clients=authority.pem)
    receiver = SyslogReceiver(context)
    row = make(receiver, authority)
    ids = write(2)
    assert fails("untrusted").detail
    row.client_certificate, row.client_key = authority.issue("portal.test")
    row.save()  # an entry of its own
    assert forward() == 3
    assert receiver.ids[:2] == ids
    receiver.stop()


def test_a_key_that_cannot_be_read_is_said(receiver, authority):
    row = make(receiver, authority)
    row.client_certificate, row.client_key = authority.issue("portal.test")
    row.save()
    with database.cursor() as cursor:
        cursor.execute("UPDATE audit_destination SET client_key = %s", [b"damaged.damaged"])
    write()
    fails("unreadable")


def test_nothing_is_lost_while_the_receiver_is_away_for_long(destination, receiver):
    first = write(2)
    forward()
    receiver.stop()
    second = write(5)
    pauses = []
    for failures in range(1, 13):
        found = fails("unreachable")
        assert found.failures == failures
        pauses.append((found.next_at - timezone.now()).total_seconds())
    assert 0 < pauses[0] <= 5.1
    assert 299 < pauses[-1] <= 600
    assert found.failing_since < found.error_at
    receiver.start()
    assert forward() == 5
    assert receiver.ids == first + second
    found = state()
    assert (found.failures, found.failing_since, found.error) == (0, None, "unreachable")


@pytest.mark.parametrize("how", ["cut", "end"])
@pytest.mark.parametrize("after", [1, 700, 30_000])
def test_a_connection_that_is_cut_in_the_middle_counts_for_nothing(
    destination, receiver, how, after
):
    ids = write(120)
    receiver.plan.append((how, after))
    found = fails("broken")
    assert found.batch < 120
    while forward():
        pass
    got = receiver.ids
    assert sorted(set(got)) == ids
    assert got[-len(ids) :] == ids


def test_a_receiver_that_never_reads_is_given_up_and_nothing_is_lost(
    destination, receiver, monkeypatch
):
    monkeypatch.setattr(connection, "SILENCE_S", 0.3)
    ids = write(40, reason="x" * 6000)
    receiver.plan.append(("deaf", None))
    assert forward() == 0
    assert state().error in ("timeout", "unconfirmed")
    while forward():
        pass
    assert receiver.ids == ids


def test_a_receiver_that_does_not_say_that_it_has_read_is_not_believed(
    destination, receiver, monkeypatch
):
    monkeypatch.setattr(connection, "SILENCE_S", 0.3)
    ids = write(2)
    receiver.plan.append(("lazy", None))
    fails("unconfirmed")
    forward()
    forward()
    assert receiver.ids == ids + ids


def test_a_slow_reader_gets_everything_in_smaller_batches(destination, receiver, monkeypatch):
    """Slow is not silent: as long as it reads, it is waited for; what takes too long comes in smaller batches."""
    monkeypatch.setattr(connection, "SILENCE_S", 0.5)
    monkeypatch.setattr(connection, "TOTAL_S", 1.5)
    ids = write(100, reason="x" * 7000)
    receiver.plan.extend([("slow", 2000)] * 40)
    for _turn in range(40):
        forward()
        if state().upto == max_id():
            break
    got = list(dict.fromkeys(receiver.ids))
    assert got == ids


def test_a_restarted_receiver_goes_on_where_it_stopped(destination, receiver):
    seen = write(3)
    forward()
    for _time in range(3):
        receiver.stop()
        receiver.start()
        seen += write(2)
        forward()
    assert receiver.ids == seen


# Without TLS, and where to.


def test_plain_tcp_goes_to_listed_networks_only(names, settings):
    receiver = SyslogReceiver()
    make(receiver, None, transport="tcp")
    ids = write(2)
    assert forward() == 2
    assert receiver.ids == ids
    settings.PRIVATE_NETWORKS = []
    write()
    fails("refused")
    receiver.stop()


def test_a_public_address_gets_nothing_in_clear(names, monkeypatch):
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: ["8.8.8.8"])
    receiver = SyslogReceiver()
    make(receiver, None, transport="tcp")
    write()
    fails("refused", "without encryption only to private networks")
    receiver.stop()


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.7", "127.0.0.1"])
def test_addresses_that_are_not_allowed_are_not_connected_to(names, settings, monkeypatch, address):
    settings.PRIVATE_NETWORKS = []
    monkeypatch.setattr(public_addresses, "resolve", lambda host, port: [address])
    receiver = SyslogReceiver()
    make(receiver, None)
    write()
    fails("refused")
    assert receiver.connections == 0
    receiver.stop()


def test_ports_of_other_services_stay_closed(names):
    assert public_addresses.checked_addresses("x", 6514, also=connection.SYSLOG_PORTS)
    for port in (22, 25, 513):
        with pytest.raises(public_addresses.AddressRefused):
            public_addresses.checked_addresses("x", port, also=connection.SYSLOG_PORTS)


# The message's own rules, without a wire.


def test_the_strict_parser_refuses_what_is_not_allowed():
    row = Destination(kind="syslog", host="x")
    good = syslog.test_message(row)
    assert parsed(good).kind == "audit-test"
    for bad in (
        good.replace(b"test=", b"te st="),
        good.replace(b'"true"', b'"tr"ue"'),
        good.replace(b'"true"', b'"tr]ue"'),
        good.replace(b"<110>1", b"<192>1"),
        good.replace(b"\xef\xbb\xbf", b""),
        good.replace(b"<110>1", b"<010>1"),
    ):
        with pytest.raises(AssertionError):
            parsed(bad)


def test_octets_are_counted_not_characters():
    assert syslog.framed("é".encode()) == b"2 \xc3\xa9"


def test_not_sent_carries_no_address_and_no_secret(names, authority):
    with pytest.raises(NotSent) as caught:
        connection.deliver(Destination(kind="syslog", host="secret-host.test", port=1999), [b"x"])
    assert "secret-host" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_the_lease_outlives_the_longest_batch():
    assert timedelta(seconds=turns.SAFE_WITHIN_S + connection.TOTAL_S + 25) < turns.LEASE
