"""HTTP Basic: off unless the installation allows it, and then as strict as every other door of passwords."""

import base64
import json
import threading
import time

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client

from accounts import throttle
from accounts.actions import deactivate, set_password
from audit.models import Entry
from tests.accounts.test_tokens_api import FRESH, INVALID, LOGOUT, ME, code, factor, post, refusal
from tests.cast import PASSWORD, build_cast

__all__ = ["factor"]


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.BASIC_AUTH = True


def basic(email="marco@example.com", password=PASSWORD):
    words = base64.b64encode(f"{email}:{password}".encode()).decode()
    return {"authorization": f"Basic {words}"}


def me(headers, **extra):
    return Client(**extra).get(ME, headers=headers)


@pytest.fixture
def hashed(monkeypatch):
    """One for each look at a password."""
    found, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args: found.append(1) or encode(*args))
    return found


def test_it_is_off_by_default_and_then_costs_nothing(cast, settings, django_assert_num_queries):
    from portal import settings as ours

    assert ours.BASIC_AUTH is None  # the environment says nothing, and the setting is off
    settings.BASIC_AUTH = False
    with django_assert_num_queries(0):
        assert code(me(basic())) == INVALID


def test_email_and_password_are_the_person(cast):
    assert me(basic()).json()["email"] == "marco@example.com"
    assert me(basic("Marco@Example.com")).status_code == 200
    asked = {"message": "say: hi"}
    assert post("/api/projects/assistant/chat/", asked, headers=basic()).status_code == 200


def test_a_password_is_looked_at_once_in_three_seconds(cast, hashed, monkeypatch):
    for _ in range(5):
        assert me(basic()).status_code == 200
    assert len(hashed) == 1
    now = time.monotonic()
    monkeypatch.setattr("accounts.believed.time.monotonic", lambda: now + 3.1)
    assert me(basic()).status_code == 200
    assert len(hashed) == 2


def test_a_wrong_password_is_never_believed_beside_a_right_one(cast):
    assert me(basic()).status_code == 200
    for password in (PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), "x"):
        assert code(me(basic(password=password))) == INVALID
    assert code(me(basic("olivia@example.org"))) == INVALID


def test_a_new_password_and_deactivation_are_seen_at_once(cast):
    assert me(basic()).status_code == me(basic("vera@example.com")).status_code == 200
    set_password(by=cast.marco, user=cast.marco, password="another-long-passphrase-7")
    deactivate(by=cast.admin, user=cast.vera)
    assert code(me(basic())) == code(me(basic("vera@example.com"))) == INVALID


def test_unknown_deactivated_and_wrong_look_the_same_and_are_the_same_work(cast, hashed):
    deactivate(by=cast.admin, user=cast.vera)
    seen = []
    for headers in (
        basic(password="wrong"),
        basic("nobody@example.com"),
        basic("vera@example.com"),
    ):
        hashed.clear()
        seen.append((refusal(me(headers)), len(hashed)))
    assert all(found == seen[0] for found in seen)
    assert seen[0][1] == 1
    assert Entry.objects.filter(action="sign_in_failed").count() == 3


@pytest.mark.parametrize(
    "text",
    ["", "x", ":", "marco@example.com", ":x", "marco@example.com:", "a\0b:x", "x" * 300 + ":y"],
)
def test_what_is_no_pair_is_refused_without_a_query(cast, text, django_assert_num_queries):
    sent = base64.b64encode(text.encode()).decode()
    for credential in (sent, text, sent[:-1] + "!", base64.b64encode(b"\xff:x").decode()):
        headers = {"authorization": f"Basic {credential}".encode().decode("latin-1")}
        if "\0" in credential:
            continue
        with django_assert_num_queries(0):
            assert code(me(headers)) == INVALID


def test_failures_are_counted_and_a_flood_is_stopped(cast, monkeypatch):
    for number in range(10):
        assert me(basic(password="x"), REMOTE_ADDR=f"192.0.2.{number}").status_code == 401
    assert me(basic(), REMOTE_ADDR="192.0.2.99").status_code == 429
    monkeypatch.setattr(throttle, "COARSE_RATE", "3/m")
    for number in range(8):
        last = me(basic(f"nobody{number}@example.com"), REMOTE_ADDR="198.51.100.1")
    assert last.status_code == 429


@pytest.mark.parametrize("how", ["having", "required"])
def test_who_has_or_must_have_a_factor_is_refused_like_a_wrong_password(cast, factor, how):
    getattr(factor, how).add(cast.marco.pk)
    right, wrong = me(basic()), me(basic(password="wrong"))
    assert refusal(right) == refusal(wrong)
    assert Entry.objects.filter(action="sign_in_failed").count() == 2
    for number in range(8):
        me(basic(), REMOTE_ADDR=f"192.0.2.{number}")
    assert me(basic(), REMOTE_ADDR="192.0.3.1").status_code == 429  # each counted


def test_it_is_never_fresh_makes_no_keys_and_has_nothing_to_end(cast):
    for path, body in (
        (FRESH, {"password": PASSWORD}),
        (LOGOUT, {}),
        ("/api/keys/", {"name": "x"}),
    ):
        assert code(post(path, body, headers=basic())) == (403, "permission_denied"), path


def test_it_opens_nothing_at_the_openai_compatible_door(cast, hashed):
    body = {"model": "assistant", "messages": [{"role": "user", "content": "say: x"}]}
    assert code(post("/v1/chat/completions", body, headers=basic())) == INVALID
    assert code(Client().get("/v1/models", headers=basic())) == INVALID
    assert hashed == []


def test_it_needs_no_csrf_token_and_the_trail_names_the_person(cast):
    client = Client(enforce_csrf_checks=True)
    headers = basic("admin@example.com")
    made = post("/api/teams/", {"slug": "new", "name": "New"}, client, headers=headers)
    assert made.status_code == 201
    entry = Entry.objects.get(
        target_type="teams.Team", action="create", request_id=made["X-Request-ID"]
    )
    assert (entry.actor_kind, entry.actor_id) == ("user", str(cast.admin.pk))
    assert PASSWORD not in json.dumps(list(Entry.objects.values()), default=str)


@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_are_one_look_and_no_guesses(transactional_db, hashed):
    build_cast()
    hashed.clear()
    statuses, ready = [], threading.Barrier(16)

    def ask():
        try:
            ready.wait()
            statuses.append(me(basic()).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16
    assert len(hashed) == 1
