"""A key's second secret: what opens when, who may make it, and two people who make one at the same moment."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import fresh, keys
from accounts.actions import revoke_key, rotate_key
from accounts.authentication import _believed, identify
from accounts.models import Key, Notice
from audit.models import Entry
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from tests.cast import build_cast

ME = "/api/users/me/"


def me(plaintext):
    return Client().get(ME, headers={"authorization": f"Bearer {plaintext}"}).status_code


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def rotated(cast, **options):
    """A key of marco with its first and second secret."""
    first = cast.key(cast.marco)
    key, second = rotate_key(by=cast.marco, key=cast.marco.keys.latest("id"), **options)
    return key, first, second


def at(monkeypatch, moment):
    monkeypatch.setattr("accounts.models.keys.timezone.now", lambda: moment)


def test_both_secrets_open_the_same_key_and_afterwards_the_new_one_alone(cast, monkeypatch):
    key, first, second = rotated(cast)
    assert (first[:16], first[-4:] == second[-4:]) == (second[:16], False)
    assert (me(first), me(second)) == (200, 200)
    assert Key.objects.get().last_four == second[-4:]
    assert key.previous_ends_at - key.secret_made_at == timedelta(hours=24)
    at(monkeypatch, timezone.now() + timedelta(hours=24, seconds=1))
    assert (me(first), me(second)) == (401, 200)


def test_a_process_that_believes_the_old_secret_stops_when_the_overlap_does(cast, monkeypatch):
    _key, first, _second = rotated(cast)
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {first}"})
    caller = identify(request)
    assert caller.is_live()
    at(monkeypatch, timezone.now() + timedelta(hours=25))
    with pytest.raises(Refusal, match="invalid_credentials"):
        identify(request)
    assert not caller.is_live()  # and so do its running streams


def test_rotating_again_ends_the_older_secret_at_once(cast):
    _key, first, second = rotated(cast)
    _key, third = rotate_key(by=cast.marco, key=Key.objects.get())
    assert (me(first), me(second), me(third)) == (401, 200, 200)


def test_without_an_overlap_the_old_secret_ends_at_once(cast):
    key, first, second = rotated(cast, overlap=timedelta(0))
    assert (me(first), me(second)) == (401, 200)
    assert (key.previous_digest, key.previous_ends_at) == ("", None)


def test_other_keys_and_the_keys_own_settings_are_left_alone(cast):
    other = cast.key(cast.marco)
    cast.key(cast.marco, scopes=["chat"], allowed_addresses="127.0.0.0/8", no_content_log=True)
    key = Key.objects.latest("id")
    kept = ("public_id", "name", "scopes", "allowed_addresses", "no_content_log", "created_at")
    before = {name: getattr(key, name) for name in kept}
    rotate_key(by=cast.marco, key=key)
    key.refresh_from_db()
    assert {name: getattr(key, name) for name in kept} == before
    assert me(other) == 200


def test_the_older_secret_dies_with_the_key(cast):
    key, first, second = rotated(cast)
    revoke_key(by=cast.marco, key=key)
    assert (me(first), me(second)) == (401, 401)


def test_a_wrong_secret_of_a_rotated_key_opens_nothing(cast):
    key, _first, _second = rotated(cast)
    assert me(keys.renewed(key.public_id)[1]) == 401
    assert not key.is_opened_by("")
    assert not key.is_opened_by(keys.NOBODYS)


def test_nobody_but_the_owner_rotates_and_never_a_key(cast):
    cast.key(cast.marco)
    key = Key.objects.get()
    for somebody in (cast.admin, cast.olivia):
        with pytest.raises(Refusal, match="permission_denied"):
            rotate_key(by=somebody, key=key)
        path = f"/api/keys/{key.public_id}/rotate/"
        assert browser(somebody).post(path, {}, "application/json").status_code == 403
    assert browser(cast.sam).post(path, {}, "application/json").status_code == 404
    headers = cast.bearer(cast.marco)
    assert Client().post(path, {}, "application/json", headers=headers).status_code == 403
    with (
        entered(RequestContext(actor=Actor("key", "x", "x"))),
        pytest.raises(Refusal, match="permission_denied"),
    ):
        rotate_key(by=cast.marco, key=key)
    assert Entry.objects.filter(action="key_rotated").count() == 0


@pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_key_that_has_ended_is_not_revived(cast, change):
    cast.key(cast.marco)
    Key.objects.update(**change)
    with pytest.raises(Refusal, match="conflict"):
        rotate_key(by=cast.marco, key=Key.objects.get())


def test_the_owner_is_told_and_the_trail_knows_but_no_secret(cast):
    key, _first, second = rotated(cast)
    notice = Notice.objects.get(kind="key_rotated")
    assert notice.user == cast.marco
    assert Entry.objects.filter(action="key_rotated", target_id=str(key.pk)).count() == 1
    written = str(list(Entry.objects.values_list("changes", flat=True)))
    assert keys.parse(second).secret not in written
    assert key.digest not in written
    assert key.previous_digest not in written


def test_the_api_rotates_with_fresh_authentication_alone(cast, monkeypatch):
    first = cast.key(cast.marco)
    path = f"/api/keys/{Key.objects.get().public_id}/rotate/"
    client = browser(cast.marco)
    answer = client.post(path, {"overlap_hours": 1}, "application/json")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    second = answer.json()["key"]
    assert (me(first), me(second)) == (200, 200)
    assert answer.json()["previous_ends_at"] is not None
    assert second not in client.get("/api/keys/").content.decode()
    for wrong in ({"overlap_hours": 169}, {"overlap_hours": -1}, {"overlap_hours": "soon"}):
        assert client.post(path, wrong, "application/json").status_code == 422
    stale = client.post(path, {"last_four": first[-4:]}, "application/json")
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "conflict")
    monkeypatch.setattr(fresh, "is_fresh", lambda request: False)
    for url, body in ((path, {}), ("/api/keys/", {"name": "x"})):
        refused = client.post(url, body, "application/json")
        assert refused.json()["error"]["code"] == "fresh_authentication_required"
    assert Key.objects.count() == 1


def test_the_page_rotates_once_for_two_clicks(cast):
    first = cast.key(cast.marco)
    key = Key.objects.get()
    client = browser(cast.marco)
    form = {"overlap": "24", "last_four": key.last_four}
    path = f"/account/keys/{key.public_id}/rotate/"
    page = client.post(path, form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert f"gh_{key.public_id}_" in page.content.decode()
    assert client.post(path, form).status_code == 409
    assert client.post(path, {"overlap": "5"}).status_code == 422
    assert browser(cast.admin).post(path, form).status_code == 404
    assert me(first) == 200


@pytest.mark.django_db(transaction=True)
def test_of_parallel_rotations_one_wins_and_the_others_conflict():
    cast = build_cast()
    cast.key(cast.marco)
    seen, outcomes = [Key.objects.get() for _ in range(8)], []
    start = threading.Barrier(len(seen))

    def one(key):
        start.wait()
        try:
            outcomes.append(rotate_key(by=cast.marco, key=key)[1])
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(key,)) for key in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("conflict") == len(seen) - 1
    (plaintext,) = [outcome for outcome in outcomes if outcome != "conflict"]
    _believed.clear("accounts.Key")
    assert me(plaintext) == 200
    assert Entry.objects.filter(action="key_rotated").count() == 1
