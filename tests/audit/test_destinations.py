"""The console's pages of destinations: who adds, changes, tests and pauses them, and what is never shown."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import PendingChange
from audit.forwarding import turns
from audit.models import Destination, Entry, Forwarding
from audit.trail import record
from portal.models import Setting
from tests.accounts.test_fresh import browser, form_of
from tests.accounts.test_two_person_doors import REASON, approved_by
from tests.audit.receivers import SyslogReceiver
from tests.audit.test_syslog import authority, names, server_context  # noqa: F401 - fixtures
from tests.certificates import Authority

pytestmark = pytest.mark.django_db
ADD = "/admin/audit/destination/add/"
SECRET = "0123456789abcdef" * 2 + "wXyZ"


@pytest.fixture
def receiver(names, server_context):  # noqa: F811
    found = SyslogReceiver(server_context)
    yield found
    found.stop()


def page_of(row):
    return f"/admin/audit/destination/{row.pk}/change/"


def mistakes(answer):
    assert answer.status_code == 200
    return answer.context["adminform"].form.errors


def add(client, **fields):
    return client.post(ADD, form_of(client, ADD, name="SIEM", **fields))


def test_a_syslog_receiver_is_added_and_gets_its_own_creation_first(cast, receiver, authority):  # noqa: F811
    client = browser(cast.admin)
    answer = add(
        client,
        kind="syslog",
        host="siem.test",
        port=receiver.port,
        ca_certificate=authority.pem,
        sends_checkpoints=None,
    )
    assert answer.status_code == 302
    turns.forward_due()
    first = receiver.messages[0].json
    assert (first["action"], first["target_type"]) == ("create", "audit.Destination")
    page = client.get(page_of(Destination.objects.get())).content.decode()
    assert "up to date" in page


def test_a_webhook_needs_a_secret_and_shows_its_end_only(cast):
    client = browser(cast.admin)
    fields = {"kind": "webhook", "url": "https://hook.example.com/in"}
    assert "new_secret" in mistakes(add(client, **fields))
    assert "new_secret" in mistakes(add(client, **fields, new_secret="short"))
    assert add(client, **fields, new_secret=SECRET).status_code == 302
    row = Destination.objects.get()
    assert row.secret == SECRET
    for page in (page_of(row), "/admin/audit/destination/"):
        shown = client.get(page).content.decode()
        assert SECRET not in shown
    assert "••••wXyZ" in client.get(page_of(row)).content.decode()
    assert SECRET not in str(list(Entry.objects.values_list("changes", flat=True)))
    moved = form_of(client, page_of(row), url="https://evil.example.com/")
    assert "url" in mistakes(client.post(page_of(row), moved))
    assert client.post(page_of(row), {**moved, "new_secret": SECRET}).status_code == 302
    assert Destination.objects.get().url == "https://evil.example.com/"


def test_a_client_certificate_and_its_key_belong_together(cast):
    client = browser(cast.admin)
    own = Authority()
    (chain, key), (_other, wrong) = own.issue("portal.test"), own.issue("portal.test")
    fields = {"kind": "syslog", "host": "siem.example.com"}
    assert "new_client_key" in mistakes(add(client, **fields, client_certificate=chain))
    assert "new_client_key" in mistakes(
        add(client, **fields, client_certificate=chain, new_client_key=wrong)
    )
    assert "client_certificate" in mistakes(add(client, **fields, new_client_key=key))
    assert "new_client_key" in mistakes(
        add(client, **fields, client_certificate=chain, new_client_key="no key")
    )
    answer = add(client, **fields, client_certificate=chain, new_client_key=key)
    assert answer.status_code == 302
    row = Destination.objects.get()
    middle = key.splitlines()[1]
    assert row.client_key.strip() == key.strip()
    assert middle not in client.get(page_of(row)).content.decode()
    assert middle not in str(list(Entry.objects.values_list("changes", flat=True)))
    again = form_of(client, page_of(row), name="Renamed")
    assert client.post(page_of(row), again).status_code == 302
    assert Destination.objects.get().client_key.strip() == key.strip()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"host": ""}, "host"),
        ({"host": "siem.example.com:6514"}, "host"),
        ({"host": "https://siem.example.com"}, "host"),
        ({"host": "8.8.8.8", "transport": "tcp"}, "transport"),
        ({"host": "x.example", "ca_certificate": "nothing"}, "ca_certificate"),
        ({"host": "x.example", "actions": "sign in"}, "actions"),
        ({"host": "x.example", "facility": "24"}, "facility"),
        ({"host": "x.example", "max_message_bytes": "100"}, "max_message_bytes"),
        ({"host": "x.example", "sends_entries": None, "sends_checkpoints": None}, "sends_entries"),
    ],
)
def test_mistakes_are_said_at_their_field(cast, fields, wrong):
    assert wrong in mistakes(add(browser(cast.admin), kind="syslog", **fields))
    assert not Destination.objects.exists()


def destination(receiver, authority):  # noqa: F811
    row = Destination.objects.create(
        name="SIEM",
        kind="syslog",
        host="siem.test",
        port=receiver.port,
        ca_certificate=authority.pem,
        sends_checkpoints=False,
    )
    turns.begin(row)
    return row


def test_a_test_message_is_sent_and_in_the_trail(cast, receiver, authority):  # noqa: F811
    row = destination(receiver, authority)
    url = f"/admin/audit/destination/{row.pk}/test/"
    answer = browser(cast.admin).post(url)
    assert "Delivered" in answer.content.decode()
    assert receiver.messages[0].kind == "audit-test"
    entry = Entry.objects.get(action="test_message_sent")
    assert (entry.target_label, entry.actor_label) == ("SIEM", "admin@example.com")
    receiver.stop()
    answer = browser(cast.admin).post(url)
    assert "Not delivered" in answer.content.decode()
    assert "cannot be reached" in answer.content.decode()
    assert browser(cast.auditor).post(url).status_code == 403
    assert browser(cast.olivia).post(url).status_code == 404
    assert Entry.objects.filter(action="test_message_sent").count() == 2


def test_without_the_trail_no_test_is_sent(cast, receiver, authority, monkeypatch):  # noqa: F811
    from portal.errors import Refusal

    row = destination(receiver, authority)

    def broken(entries):
        raise Refusal("audit_unavailable")

    client = browser(cast.admin)
    monkeypatch.setattr("audit.trail.write", broken)
    answer = client.post(f"/admin/audit/destination/{row.pk}/test/")
    assert answer.status_code == 503
    assert receiver.connections == 0


def test_pausing_and_resuming_by_button_and_by_action(cast, receiver, authority):  # noqa: F811
    row = destination(receiver, authority)
    client = browser(cast.admin)
    assert client.post(f"/admin/audit/destination/{row.pk}/pause/").status_code == 302
    record(action="exported")
    assert turns.forward_due() == 0
    assert "paused" in client.get("/admin/audit/destination/").content.decode()
    chosen = {"action": "resume", "_selected_action": [row.pk]}
    assert client.post("/admin/audit/destination/", chosen).status_code == 302
    assert turns.forward_due() > 0
    changes = [
        one.changes
        for one in Entry.objects.filter(target_type="audit.Destination", action="update")
    ]
    assert sorted(map(str, changes)) == [
        "{'is_paused': [False, True]}",
        "{'is_paused': [True, False]}",
    ]


def test_the_list_says_who_is_behind_and_why(cast, receiver, authority):  # noqa: F811
    destination(receiver, authority)
    receiver.stop()
    for _ in range(3):
        record(action="exported")
    turns.forward_due()
    page = browser(cast.auditor).get("/admin/audit/destination/").content.decode()
    assert "failing" in page
    assert "entries, the first" in page
    page = browser(cast.auditor).get(page_of(Destination.objects.get())).content.decode()
    assert "The receiver cannot be reached" in page
    assert "new_client_key" not in page


def test_who_is_no_platform_admin_changes_nothing(cast, receiver, authority):  # noqa: F811
    row = destination(receiver, authority)
    for name, status in (("auditor", 403), ("olivia", 404), ("marco", 403)):
        client = browser(getattr(cast, name))
        assert client.post(page_of(row), {"name": "x"}).status_code == status
        assert client.get(ADD).status_code == 403
    assert Client().get(page_of(row)).status_code == 302
    assert Destination.objects.get().name == "SIEM"


@pytest.fixture
def two_persons(cast):
    Setting.objects.create(name="two_person_rule", value=True)
    cast.second = type(cast.admin).objects.create(email="second@example.com", is_superuser=True)
    return cast


@pytest.mark.parametrize(
    "change",
    [
        {"is_paused": "on"},
        {"sends_refused": None},
        {"sends_checkpoints": None},
        {"holds_retention": None},
        {"includes_personal": "on"},
        {"actions": "sign_in"},
        {"url": "https://evil.example.com/", "new_secret": SECRET},
        {"url": "https://evil.example.com/", "new_secret": "9" + SECRET},
    ],
)
def test_what_weakens_waits_for_a_second_person(two_persons, change):
    row = Destination(name="Hook", kind="webhook", url="https://hook.example.com/in")
    row.set_secret(SECRET)
    row.save()
    turns.begin(row)
    client = browser(two_persons.admin)
    sent = form_of(client, page_of(row), **change) | {"two_person_reason": REASON}
    client.post(page_of(row), sent)
    waiting = PendingChange.objects.get()
    before = Destination.objects.values().get()
    assert (
        SECRET
        not in client.get(f"/admin/accounts/pendingchange/{waiting.pk}/change/").content.decode()
    )
    approved_by(two_persons.second, waiting)
    after = Destination.objects.values().get()
    assert before != after
    for name, value in change.items():
        if name == "new_secret":
            assert Destination.objects.get().secret == value
        else:
            assert after[name] == {"on": True, None: False}.get(value, value)


def test_what_strengthens_waits_for_nobody(two_persons):
    row = Destination.objects.create(
        name="x", kind="syslog", host="x.example", is_paused=True, actions="update"
    )
    turns.begin(row)
    client = browser(two_persons.admin)
    sent = form_of(client, page_of(row), is_paused=None, actions="")
    assert client.post(page_of(row), sent).status_code == 302
    assert not PendingChange.objects.exists()
    assert Forwarding.objects.get().next_at is None
    assert not Destination.objects.get().is_paused


def test_deleting_one_waits_for_a_second_person(two_persons):
    row = Destination.objects.create(name="x", kind="syslog", host="x.example")
    url = f"/admin/audit/destination/{row.pk}/delete/"
    browser(two_persons.admin).post(url, {"post": "yes", "two_person_reason": REASON})
    assert Destination.objects.exists()
    approved_by(two_persons.second, PendingChange.objects.get())
    assert not Destination.objects.exists()


def test_the_start_page_says_what_has_failed_for_long(cast):
    row = Destination.objects.create(name="SIEM", kind="syslog", host="x.example")
    turns.begin(row)
    for minutes, is_said in ((14, False), (16, True)):
        Forwarding.objects.update(failing_since=timezone.now() - timedelta(minutes=minutes))
        for name in ("admin", "auditor"):
            page = browser(getattr(cast, name)).get("/admin/").content.decode()
            assert ("Forwarding the trail to SIEM" in page) is is_said
        page = browser(cast.olivia).get("/admin/").content.decode()
        assert "Forwarding the trail" not in page
