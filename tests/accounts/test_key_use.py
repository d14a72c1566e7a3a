"""What a key's use leaves: when and from where, networks it was never used from; and how old its secret is."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import key_use, sightings
from accounts.models import Key, Notice, Sighting
from audit.models import Entry

ME = "/api/users/me/"
EVENT = "key_used_from_new_network"


def ask(headers, address="127.0.0.1"):
    return Client(REMOTE_ADDR=address).get(ME, headers=headers).status_code


def events():
    return Entry.objects.filter(action=EVENT)


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def test_a_key_used_from_a_new_network_is_an_event_and_its_owner_is_told(cast):
    headers = cast.bearer(cast.marco)
    assert ask(headers, "198.51.100.7") == 200
    assert ask(headers, "198.51.100.200") == 200  # the same network
    assert not events().exists()
    assert ask(headers, "203.0.113.9") == 200
    (event,) = events()
    assert (event.actor_kind, event.target_id) == ("key", str(Key.objects.get().pk))
    notice = Notice.objects.get()
    assert (notice.kind, notice.user, notice.facts["address"]) == (
        "key_new_network",
        cast.marco,
        "203.0.113.9",
    )
    assert notice.mail_due_at is not None
    key_use.known.forget()  # as another process
    for address in ("198.51.100.7", "203.0.113.9"):
        assert ask(headers, address) == 200
    assert events().count() == 1


def test_each_key_has_networks_of_its_own(cast):
    first, second = cast.bearer(cast.marco), cast.bearer(cast.marco)
    assert (ask(first, "198.51.100.7"), ask(second, "203.0.113.9")) == (200, 200)
    assert not events().exists()


def test_a_known_network_costs_nothing_and_a_new_one_two_statements(cast):
    headers = cast.bearer(cast.marco)
    assert ask(headers, "198.51.100.7") == 200
    for address, most in (("198.51.100.7", 0), ("203.0.113.9", 2), ("203.0.113.10", 0)):
        with CaptureQueriesContext(connection) as captured:
            assert ask(headers, address) == 200
        asked = [q for q in captured if "accounts_sighting" in q["sql"]]
        assert len(asked) == most, address


@pytest.mark.parametrize("what", ["is_new", "_digest"])
def test_what_cannot_be_noted_fails_no_request_and_is_tried_again(cast, monkeypatch, what):
    def broken(*args):
        raise DatabaseError("no")

    headers = cast.bearer(cast.marco)
    with monkeypatch.context() as patched:
        patched.setattr(sightings, what, broken)
        assert ask(headers) == 200
    assert not Sighting.objects.filter(owner=f"key:{Key.objects.get().pk}").exists()
    assert ask(headers) == 200
    assert Sighting.objects.filter(owner=f"key:{Key.objects.get().pk}").count() == 1


def test_a_trail_that_cannot_be_written_does_not_fail_it_either(cast, monkeypatch):
    from portal.errors import Refusal

    def broken(**entry):
        raise Refusal("audit_unavailable")

    headers = cast.bearer(cast.marco)
    assert ask(headers, "198.51.100.7") == 200
    with monkeypatch.context() as patched:
        patched.setattr(key_use.trail, "record", broken)
        assert ask(headers, "203.0.113.9") == 200
    assert not Notice.objects.exists()
    assert ask(headers, "203.0.113.9") == 200
    assert events().count() == Notice.objects.count() == 1


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(key_use, "MOST_KNOWN", 3)
    known = key_use._Known()
    for number in range(10):
        known.add((number, "198.51.100.0/24"))
    assert len(known._pairs) <= 3
    assert (9, "198.51.100.0/24") in known


def test_the_last_address_is_stamped_with_the_time_and_stays_out_of_the_trail(cast):
    headers = cast.bearer(cast.marco)
    entries = Entry.objects.count()
    assert ask(headers, "198.51.100.7") == 200
    assert Key.objects.get().last_address == "198.51.100.7"
    assert Entry.objects.count() == entries
    assert "198.51.100.7" in browser(cast.marco).get("/account/keys/").content.decode()


def test_what_its_list_keeps_out_is_no_use_of_a_key(cast):
    headers = cast.bearer(cast.marco, allowed_addresses="198.51.100.0/24")
    assert ask(headers, "203.0.113.9") == 403
    assert Key.objects.get().last_used_at is None
    assert ask(headers, "198.51.100.7") == 200
    assert not events().exists()


@pytest.fixture
def old_and_new(cast):
    cast.key(cast.marco)
    Key.objects.update(name="ancient", secret_made_at=timezone.now() - timedelta(days=91))
    cast.key(cast.marco)


def names(client, query=""):
    return [row["name"] for row in client.get(f"/api/keys/{query}").json()["results"]]


def test_the_api_finds_old_secrets(cast, old_and_new):
    client = browser(cast.marco)
    assert names(client, "?older_than=90") == ["ancient"]
    assert names(client, "?older_than=92") == []
    assert len(names(client, "?older_than=0")) == 2
    for wrong in ("x", "-1", "9999999", "٣x"):
        assert client.get(f"/api/keys/?older_than={wrong}").status_code == 422


def test_the_console_counts_and_filters_old_secrets(cast, old_and_new, settings):
    client = browser(cast.admin)
    start = client.get("/admin/").content.decode()
    assert "1 key has a secret older than 90 days." in start
    assert "state=live&amp;age=old" in start
    listed = client.get("/admin/accounts/key/?state=live&age=old").content.decode()
    assert "ancient" in listed
    assert "1 key" in listed
    assert "91 days ago" in listed
    settings.KEY_ROTATION_DAYS = 100
    assert "older than 100 days" not in client.get("/admin/").content.decode()
    Key.objects.filter(name="ancient").update(revoked_at=timezone.now())
    settings.KEY_ROTATION_DAYS = 90
    assert "has a secret older" not in client.get("/admin/").content.decode()


def test_the_page_marks_what_a_key_is(cast, old_and_new):
    Key.objects.exclude(name="ancient").update(expires_at=timezone.now() + timedelta(days=3))
    page = browser(cast.marco).get("/account/keys/").content.decode()
    assert "old secret" in page
    assert "expires soon" in page
