"""Keys: their format, what is stored of them, and when they stop opening anything."""

import json
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys
from accounts.actions import create_key, revoke_key
from accounts.authentication import Caller, _believed, identify
from accounts.key_use import stamp
from accounts.models import Key
from audit.models import Entry
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal

ME = "/api/users/me/"


def me(plaintext):
    return Client().get(ME, headers={"authorization": f"Bearer {plaintext}"})


def test_a_key_has_the_documented_shape():
    public_id, secret, plaintext = keys.generate()
    assert plaintext.startswith(f"gh_{public_id}_{secret}")
    assert (len(public_id), len(secret), len(plaintext)) == (12, 43, 3 + 12 + 1 + 43 + 6)
    assert keys.parse(plaintext) == keys.ParsedKey(public_id, secret)


@given(st.data())
def test_any_single_changed_character_is_refused_by_the_checksum(data):
    plaintext = keys.generate()[2]
    index = data.draw(st.integers(0, len(plaintext) - 1))
    other = data.draw(st.sampled_from(keys.ALPHABET + "_ é"))
    if other != plaintext[index]:
        assert keys.parse(plaintext[:index] + other + plaintext[index + 1 :]) is None


@given(st.text(max_size=100))
def test_anything_else_is_no_key(text):
    assert keys.parse(text) is None


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer gh_x_y", "Basic abc", "Bearer ", "x"]
)
def test_a_malformed_credential_costs_no_query(db, header, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = Client().get(ME, headers={"authorization": header})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_credentials"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_only_a_digest_and_four_characters_are_stored(cast):
    plaintext = cast.key(cast.marco)
    row = Key.objects.values().get()
    secret = keys.parse(plaintext).secret
    assert secret not in json.dumps(row, default=str)
    assert row["last_four"] == plaintext[-4:]
    assert row["digest"] == keys.digest(secret)


def test_a_key_speaks_for_its_owner(cast):
    assert me(cast.key(cast.marco)).json()["email"] == "marco@example.com"


def test_unknown_wrong_revoked_expired_and_orphaned_keys_get_the_same_answer(cast):
    good = cast.key(cast.marco)
    revoked, expired, orphaned = (cast.key(cast.marco), cast.key(cast.marco), cast.key(cast.olivia))
    assert me(orphaned).status_code == 200
    revoke_key(by=cast.marco, key=Key.objects.get(last_four=revoked[-4:]))
    Key.objects.filter(last_four=expired[-4:]).update(expires_at=timezone.now() - timedelta(1))
    cast.olivia.is_active = False
    cast.olivia.save()
    body = f"gh_{good[3:15]}_{'A' * 43}"
    wrong = body + keys._checksum(body)
    answers = set()
    for plaintext in (keys.generate()[2], wrong, revoked, expired, orphaned):
        response = me(plaintext)
        error = response.json()["error"]
        answers.add((response.status_code, error["code"], error["message"]))
    assert answers == {(401, "invalid_credentials", "These credentials are not valid.")}
    assert me(good).status_code == 200


def test_a_bad_header_is_never_replaced_by_a_good_session(cast):
    client = Client()
    client.force_login(cast.marco)
    assert client.get(ME).status_code == 200
    assert client.get(ME, headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_revocation_is_seen_at_once_in_this_process(cast):
    plaintext = cast.key(cast.marco)
    assert me(plaintext).status_code == 200
    revoke_key(by=cast.marco, key=Key.objects.get())
    assert me(plaintext).status_code == 401


def test_a_warm_key_costs_no_look_up(cast, django_assert_num_queries):
    from django.test import RequestFactory

    from accounts.authentication import identify

    plaintext = cast.key(cast.marco)
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {plaintext}"})
    identify(request)
    with django_assert_num_queries(0):
        assert identify(request).user == cast.marco


def test_a_scope_confines_whatever_the_owner_may(cast):
    narrow = cast.bearer(cast.admin, scopes=["chat"])
    assert Client().get("/api/teams/", headers=narrow).status_code == 403
    wide = cast.bearer(cast.admin)
    assert Client().get("/api/teams/", headers=wide).status_code == 200
    reading = cast.bearer(cast.admin, scopes=["projects:read"])
    assert Client().get("/api/projects/", headers=reading).status_code == 200
    assert (
        Client().delete("/api/projects/assistant/", headers=reading).json()["error"]["code"]
        == "permission_denied"
    )


def test_a_key_never_makes_keys(cast):
    response = Client().post(
        "/api/keys/", {"name": "more"}, "application/json", headers=cast.bearer(cast.admin)
    )
    assert response.status_code == 403
    with (
        entered(RequestContext(actor=Actor("key", "x", "x"))),
        pytest.raises(Refusal, match="permission_denied"),
    ):
        create_key(by=cast.admin, user=cast.admin, name="more")


def test_nobody_makes_keys_for_others_and_restricted_people_have_none(cast):
    with pytest.raises(Refusal):
        create_key(by=cast.admin, user=cast.marco, name="x")
    with pytest.raises(Refusal):
        create_key(by=cast.rita, user=cast.rita, name="x")
    client = Client()
    client.force_login(cast.rita)
    assert client.get("/account/keys/").status_code == 403
    assert client.get("/api/keys/").status_code == 403


def test_the_api_shows_a_new_key_once_and_masks_it_afterwards(cast):
    client = Client()
    client.force_login(cast.marco)
    created = client.post("/api/keys/", {"name": "ci", "scopes": ["chat"]}, "application/json")
    assert created.status_code == 201
    plaintext = created.json()["key"]
    assert me(plaintext).status_code == 200
    listed = client.get("/api/keys/").content.decode()
    assert plaintext not in listed
    assert keys.parse(plaintext).secret not in listed
    key_id = created.json()["id"]
    assert client.delete(f"/api/keys/{key_id}/").status_code == 204
    assert me(plaintext).status_code == 401
    assert Key.objects.filter(public_id=key_id).exists()


def test_a_session_needs_the_csrf_token_a_key_does_not(cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.marco)
    response = browser.post(
        "/api/projects/assistant/chat/", {"message": "say: x"}, "application/json"
    )
    assert (response.status_code, response.json()["error"]["code"]) == (403, "permission_denied")
    by_key = Client(enforce_csrf_checks=True).post(
        "/api/projects/assistant/chat/",
        {"message": "say: x"},
        "application/json",
        headers=cast.bearer(cast.marco),
    )
    assert by_key.status_code == 200


def test_the_cookie_opens_nothing_at_the_openai_compatible_door(cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.marco)
    body = {"model": "assistant", "messages": [{"role": "user", "content": "say: x"}]}
    assert browser.post("/v1/chat/completions", body, "application/json").status_code == 401
    assert browser.get("/v1/models").status_code == 401


def test_last_used_is_written_once_a_minute_and_stays_out_of_the_trail(cast, monkeypatch):
    plaintext = cast.key(cast.marco)
    entries = Entry.objects.count()
    assert me(plaintext).status_code == 200
    first = Key.objects.get().last_used_at
    assert first is not None
    assert me(plaintext).status_code == 200
    assert Key.objects.get().last_used_at == first
    Key.objects.update(last_used_at=first - timedelta(minutes=2))
    _believed.clear("accounts.Key")
    assert me(plaintext).status_code == 200
    assert Key.objects.get().last_used_at > first
    assert Entry.objects.count() == entries


def test_another_process_stamp_is_respected(cast):
    plaintext = cast.key(cast.marco)
    assert me(plaintext).status_code == 200
    now = Key.objects.get().last_used_at
    key = Key.objects.get()
    key.last_used_at = None  # as a process read it before the other wrote
    stamp(key)
    assert Key.objects.get().last_used_at == now


def test_a_stream_under_way_learns_that_its_key_is_gone(cast):
    plaintext = cast.key(cast.marco)
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {plaintext}"})
    caller = identify(request)
    assert caller.is_live()
    revoke_key(by=cast.marco, key=Key.objects.get())
    assert not caller.is_live()


def test_a_change_during_the_look_up_keeps_its_result_from_being_believed(cast):
    plaintext = cast.key(cast.marco)
    generation = _believed.generation
    caller = Caller(cast.marco, Key.objects.get(), "key")
    _believed.clear("accounts.Key")
    _believed.put(b"x", caller, generation)
    assert _believed.get(b"x") is None
    assert me(plaintext).status_code == 200


def test_expiry_is_seen_by_a_process_that_believes_the_key(cast, monkeypatch):
    plaintext = cast.key(cast.marco, expires_at=timezone.now() + timedelta(minutes=5))
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {plaintext}"})
    identify(request)
    later = timezone.now() + timedelta(minutes=6)
    monkeypatch.setattr("accounts.models.keys.timezone.now", lambda: later)
    with pytest.raises(Refusal, match="invalid_credentials"):
        identify(request)
