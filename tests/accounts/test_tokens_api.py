"""Tokens: signing in from a program, what opens nothing, and what ends what."""

import base64
import json
import re
import threading
import time
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import believed, notices, second_factor, tokens
from accounts.actions import deactivate, end_sessions, save_user, set_password
from accounts.models import Key, TokenFamily, User
from accounts.tasks import clear_sessions
from audit.models import Entry
from portal.errors import Refusal
from tests.accounts import codes
from tests.accounts.test_sessions import signed_in
from tests.cast import PASSWORD, build_cast

TOKEN, REFRESH = "/api/auth/token/", "/api/auth/token/refresh/"
LOGOUT, FRESH = "/api/auth/logout/", "/api/auth/fresh/"
ME = "/api/users/me/"
MARCO = {"email": "marco@example.com", "password": PASSWORD}


def post(path, body, client=None, **extra):
    return (client or Client()).post(path, body, "application/json", **extra)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def get_tokens(email="marco@example.com", **more):
    response = post(TOKEN, {"email": email, "password": PASSWORD, **more})
    assert response.status_code == 200, response.content
    return response.json()


def me(token):
    return Client().get(ME, headers=bearer(token))


def refreshed(token):
    return post(REFRESH, {"refresh": token})


def refusal(response):
    """All that a refused program gets, but what names the request."""
    body = response.json()
    body["error"].pop("request_id")
    headers = {k: v for k, v in response.headers.items() if k != "X-Request-ID"}
    return response.status_code, body, headers


def code(response):
    return response.status_code, response.json()["error"]["code"]


INVALID = (401, "invalid_credentials")


def test_email_and_password_give_an_access_and_a_refresh_token(cast):
    response = post(TOKEN, {**MARCO, "name": "nightly job"})
    got = response.json()
    assert set(got) == {"access", "refresh", "expires_in", "token_type"}
    assert (got["expires_in"], got["token_type"]) == (900, "Bearer")
    assert response["Cache-Control"] == "no-store"
    assert me(got["access"]).json()["email"] == "marco@example.com"
    assert got["refresh"].startswith(f"ghr_{TokenFamily.objects.get().uid}_")
    entry = Entry.objects.get(action="tokens_issued")
    assert entry.changes["name"] == [None, "nightly job"]
    assert User.objects.get(pk=cast.marco.pk).last_login is not None


def test_the_claims_are_those_that_are_documented(cast):
    access = get_tokens(scopes=["usage:read", "chat"])["access"]
    assert jwt.get_unverified_header(access) == {"alg": "HS256", "typ": "at+jwt"}
    claims = jwt.decode(access, options={"verify_signature": False})
    assert set(claims) == set(tokens.CLAIMS)
    assert claims["sub"] == str(cast.marco.pk)
    assert claims["scope"] == "chat usage:read"
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert (claims["epoch"], claims["mfa"]) == (cast.marco.session_epoch, False)
    assert abs(claims["auth_time"] - time.time()) < 5


def test_of_a_refresh_token_only_a_digest_is_stored_and_of_an_access_token_nothing(cast):
    got = get_tokens()
    secret = got["refresh"].rpartition("_")[2]
    row = json.dumps(TokenFamily.objects.values().get(), default=str)
    trail = json.dumps(list(Entry.objects.values()), default=str)
    for stored in (row, trail):
        assert secret[:64] not in stored
        assert got["access"].split(".")[2] not in stored
        assert PASSWORD not in stored


def resigned(access, *, key=None, algorithm="HS256", typ="at+jwt", drop=(), **claims):
    """The same token with other claims, under our key or another."""
    held = jwt.decode(access, options={"verify_signature": False}) | claims
    held = {name: value for name, value in held.items() if name not in drop}
    key = tokens._signing_key() if key is None else key
    return jwt.api_jws.encode(json.dumps(held).encode(), key, algorithm, {"typ": typ or None})


def forged(access):
    """Everything that is nearly a token of ours, by what is wrong with it."""
    now = int(time.time())
    head, body, signature = access.split(".")
    bare = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    flipped = signature[:-3] + ("AAA" if signature[-3:] != "AAA" else "BBB")
    yield "alg none", f"{bare}.{body}."
    yield "alg none, signed", f"{bare}.{body}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "another signature", f"{head}.{body}.{flipped}"
    yield "the secret key itself", resigned(access, key=settings.SECRET_KEY)
    yield "the pepper", resigned(access, key=settings.KEY_PEPPER)
    yield "an empty key", resigned(access, key=b"\0" * 32)
    yield "HS512", resigned(access, algorithm="HS512", key=tokens._signing_key() * 2)
    yield "HS384", resigned(access, algorithm="HS384", key=tokens._signing_key() * 2)
    for typ in ("JWT", "refresh", "", "AT+JWT "):
        yield f"typ {typ!r}", resigned(access, typ=typ)
    yield "ended", resigned(access, exp=now - 1)
    yield "ends now", resigned(access, exp=now)
    yield "made tomorrow", resigned(access, iat=now + 86400)
    yield "another issuer", resigned(access, iss="elsewhere")
    yield "several issuers", resigned(access, iss=["gatehouse"])
    yield "another audience", resigned(access, aud="widget")
    yield "several audiences", resigned(access, aud=["gatehouse-api", "widget"])
    yield "an older epoch", resigned(access, epoch=-1)
    yield "a later epoch", resigned(access, epoch=1)
    yield "an epoch in words", resigned(access, epoch="0")
    yield "another family", resigned(access, sid="0" * 32)
    yield "another person", resigned(access, sub="1000000")
    yield "a person in words", resigned(access, sub="marco")
    yield "other scopes", resigned(access, scope="manage")
    yield "no scopes", resigned(access, scope="")
    for claim in tokens.CLAIMS:
        yield f"without {claim}", resigned(access, drop=(claim,))
    for text in ("", ".", "..", "a.b.c", "e30.e30.e30", "é.é.é", "[" * 9000 + ".e30.e30"):
        yield f"text {text[:9]!r}", text


def test_nothing_that_is_nearly_a_token_opens_anything(cast):
    got = get_tokens(scopes=["chat"])
    assert me(resigned(got["access"])).status_code == 200
    answers = {}
    for what, token in forged(got["access"]):
        answers[what] = me(token.encode().decode("latin-1"))
    for what, response in answers.items():
        assert code(response) == INVALID, what
    assert len({json.dumps(refusal(r), sort_keys=True) for r in answers.values()}) == 1
    assert me(got["access"]).status_code == 200


def test_what_is_not_signed_by_us_costs_no_query(cast, django_assert_num_queries):
    access = get_tokens()["access"]
    with django_assert_num_queries(0):
        assert code(me(resigned(access, key=b"x" * 32))) == INVALID
        assert code(me("a.b.c")) == INVALID


def test_one_kind_of_token_is_never_taken_for_the_other(cast):
    got = get_tokens()
    assert code(me(got["refresh"])) == INVALID
    assert code(refreshed(got["access"])) in (INVALID, (422, "validation_failed"))
    assert code(refreshed(got["access"][:200])) == INVALID
    assert code(refreshed(cast.key(cast.marco))) == INVALID
    assert me(got["access"]).status_code == refreshed(got["refresh"]).status_code == 200


@given(st.text(max_size=150))
def test_anything_else_is_no_refresh_token(text):
    assert tokens.parse_refresh(text) is None


@given(st.text(max_size=150))
def test_anything_else_is_no_access_token(text):
    assert tokens.read(text) is None


# The same answer, whoever it is


def test_unknown_deactivated_passwordless_and_wrong_look_the_same_and_cost_the_same(
    cast, monkeypatch
):
    deactivate(by=cast.admin, user=cast.vera)
    cast.adam.set_unusable_password()
    cast.adam.save()
    hashed = []
    hasher = "django.contrib.auth.hashers.MD5PasswordHasher.encode"
    from django.contrib.auth.hashers import MD5PasswordHasher

    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(hasher, lambda *args: hashed.append(1) or encode(*args))
    tries = {
        "wrong": {**MARCO, "password": "wrong"},
        "unknown": {"email": "nobody@example.com", "password": PASSWORD},
        "deactivated": {"email": "vera@example.com", "password": PASSWORD},
        "passwordless": {"email": "adam@example.com", "password": PASSWORD},
    }
    post(TOKEN, {"email": "warm@example.com", "password": "up"}, REMOTE_ADDR="192.0.2.99")
    seen = []
    for number, body in enumerate(tries.values()):
        hashed.clear()
        with CaptureQueriesContext(connection) as captured:
            response = post(TOKEN, body, REMOTE_ADDR=f"192.0.2.{number}")
        shape = [re.sub(r"[\d_x]+", "", query["sql"])[:60] for query in captured]
        seen.append((refusal(response), len(hashed), shape))
    for found in seen:
        assert found == seen[0]
    assert (seen[0][0][0], seen[0][1]) == (401, 1)
    assert Entry.objects.filter(action="sign_in_failed").count() == 5


def test_a_failure_at_one_door_counts_at_all(cast, settings):
    settings.BASIC_AUTH = True
    words = base64.b64encode(b"marco@example.com:wrong").decode()

    def page(address):
        data = {"login": "marco@example.com", "password": "wrong"}
        return Client(REMOTE_ADDR=address).post("/account/login/", data)

    def program(address):
        return post(TOKEN, {**MARCO, "password": "wrong"}, REMOTE_ADDR=address)

    def basic(address):
        headers = {"authorization": f"Basic {words}"}
        return Client(REMOTE_ADDR=address).get(ME, headers=headers)

    doors = (page, program, basic)
    for number in range(10):
        assert doors[number % 3](f"192.0.2.{number}").status_code in (200, 401)
    for number, door in enumerate(doors):
        assert door(f"198.51.100.{number}").status_code == 429
    right = post(TOKEN, MARCO, REMOTE_ADDR="203.0.113.1")
    assert code(right) == (429, "too_many_attempts")
    assert int(right["Retry-After"]) > 0
    unknown = {"email": "nobody@example.com", "password": "wrong"}
    for number in range(11):
        last = post(TOKEN, unknown, REMOTE_ADDR=f"192.0.3.{number}")
    assert refusal(last)[1] == refusal(right)[1]


def test_who_knows_the_password_is_not_counted(cast):
    for _ in range(15):
        get_tokens()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": None}, "password"),
        ({"password": ""}, "password"),
        ({"password": "x" * 5000}, "password"),
        ({"email": ""}, "email"),
        ({"email": ["x"]}, "email"),
        ({"email": "x" * 300}, "email"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": "chat"}, "scopes"),
        ({"name": "x" * 101}, "name"),
        ({"code": "1" * 65}, "code"),
    ],
)
def test_what_is_wrong_with_a_body_is_named_and_never_echoed(cast, change, field):
    response = post(TOKEN, {**MARCO, **change})
    assert code(response) == (422, "validation_failed")
    assert set(response.json()["error"]["fields"]) == {field}
    assert PASSWORD not in response.content.decode()
    assert "everything" not in response.content.decode() or field == "scopes"
    assert not TokenFamily.objects.exists()


@pytest.mark.parametrize("path", [TOKEN, REFRESH])
@pytest.mark.parametrize(
    "body", ["[]", "1", "null", '"x"', "{", '{"email": "a\\u0000", "password": "b\\u0000"}']
)
def test_a_body_that_is_none_is_refused(db, path, body):
    response = Client().post(path, body, "application/json")
    assert response.status_code in (400, 422)
    assert response["Cache-Control"] == "no-store"


# Going on


def test_a_refresh_token_is_replaced_at_each_use(cast):
    first = get_tokens(name="job", scopes=["chat"])
    second = refreshed(first["refresh"])
    assert second["Cache-Control"] == "no-store"
    third = refreshed(second.json()["refresh"]).json()
    assert len({first["refresh"], second.json()["refresh"], third["refresh"]}) == 3
    assert me(third["access"]).status_code == me(first["access"]).status_code == 200
    claims = [
        jwt.decode(found["access"], options={"verify_signature": False}) for found in (first, third)
    ]
    for name in ("sub", "sid", "scope", "auth_time", "epoch", "mfa"):
        assert claims[0][name] == claims[1][name]
    assert claims[0]["jti"] != claims[1]["jti"]


def test_a_replaced_token_used_again_ends_the_family_and_its_owner_is_told(cast):
    first, other = get_tokens(name="nightly job"), get_tokens()
    second = refreshed(first["refresh"]).json()
    thief = post(REFRESH, {"refresh": first["refresh"]}, REMOTE_ADDR="203.0.113.66")
    assert code(thief) == INVALID
    assert code(me(second["access"])) == code(me(first["access"])) == INVALID
    assert code(refreshed(second["refresh"])) == INVALID
    assert me(other["access"]).status_code == 200
    assert Entry.objects.filter(action="token_reused").count() == 1
    (notice,) = cast.marco.notices.filter(kind="token_reused")
    assert notice.facts == {"name": "nightly job", "address": "203.0.113.66"}
    assert "nightly job" in notices.words_of(notice)
    notices.mail_due()
    assert any("203.0.113.66" in message.body for message in mail.outbox)


def test_what_we_never_made_ends_no_family_and_counts_as_a_guess(cast):
    got = get_tokens()
    uid = TokenFamily.objects.get().uid
    made_up = f"ghr_{uid}_{'a' * 64}{'b' * 32}"
    answers = [post(REFRESH, {"refresh": made_up}, REMOTE_ADDR="192.0.2.1") for _ in range(11)]
    assert [found.status_code for found in answers] == [401] * 10 + [429]
    assert not Entry.objects.filter(action="token_reused").exists()
    assert refreshed(got["refresh"]).status_code == 200


def test_an_old_token_of_ours_does_not_shut_out_the_office(cast):
    got = get_tokens()
    TokenFamily.objects.update(ends_at=timezone.now())
    for _ in range(15):
        assert code(refreshed(got["refresh"])) == INVALID
    assert get_tokens()


def test_unknown_ended_and_made_up_tokens_get_the_same_answer(cast):
    ended, idle, gone = get_tokens(), get_tokens(), get_tokens()
    families = TokenFamily.objects.order_by("pk")
    families.filter(pk=families[0].pk).update(ends_at=timezone.now())
    families.filter(pk=families[1].pk).update(idle_ends_at=timezone.now())
    families.filter(pk=families[2].pk).delete()
    answers = [refusal(refreshed(found["refresh"])) for found in (ended, idle, gone)]
    answers.append(refusal(refreshed(f"ghr_{'0' * 32}_{'0' * 96}")))
    assert all(found == answers[0] for found in answers)
    assert answers[0][0] == 401
    for found in (ended, idle, gone):
        believed.believed.clear("test")
        assert code(me(found["access"])) == INVALID


def test_a_family_ends_after_seven_idle_days_and_after_thirty_at_the_latest(cast):
    got = get_tokens()
    family = TokenFamily.objects.get()
    assert family.ends_at - family.created_at > timedelta(days=30) - timedelta(seconds=5)
    assert family.idle_ends_at - family.created_at < timedelta(days=7, seconds=5)
    TokenFamily.objects.update(idle_ends_at=timezone.now() + timedelta(minutes=1))
    refreshed(got["refresh"])
    family.refresh_from_db()
    assert family.idle_ends_at > timezone.now() + timedelta(days=6)
    end = family.ends_at
    family.refresh_from_db()
    assert family.ends_at == end
    TokenFamily.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    clear_sessions()
    assert not TokenFamily.objects.exists()


def test_an_access_token_ends_though_it_is_believed(cast, monkeypatch):
    access = get_tokens()["access"]
    assert me(access).status_code == 200
    later = time.time() + 15 * 60
    monkeypatch.setattr("accounts.callers.time.time", lambda: later)
    monkeypatch.setattr("accounts.tokens.jwt.api_jwt.datetime", _Clock(later))
    assert code(me(access)) == INVALID


class _Clock:
    def __init__(self, now):
        self._now = now

    def now(self, tz=None):
        from datetime import datetime

        return datetime.fromtimestamp(self._now, tz)


@pytest.mark.django_db(transaction=True)
def test_of_eight_parallel_uses_of_one_refresh_token_one_succeeds(transactional_db):
    cast = build_cast()
    token = get_tokens()["refresh"]
    answers, ready = [], threading.Barrier(8)

    def use():
        try:
            ready.wait()
            answers.append(refreshed(token))
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [found.status_code for found in answers]
    assert sorted(statuses) == [200] + [401] * 7
    assert Entry.objects.filter(action="token_reused").count() == 1
    assert cast.marco.notices.filter(kind="token_reused").count() == 1
    won = next(found.json() for found in answers if found.status_code == 200)
    assert code(me(won["access"])) == code(refreshed(won["refresh"])) == INVALID


# Being put out


def _demoted(cast):
    cast.marco.is_restricted = True
    save_user(by=cast.admin, user=cast.marco)


ENDS = {
    "a new password": lambda cast: set_password(
        by=cast.marco, user=cast.marco, password="another-long-passphrase-7"
    ),
    "deactivation": lambda cast: deactivate(by=cast.admin, user=cast.marco),
    "less rights": _demoted,
    "ending all sessions": lambda cast: end_sessions(by=cast.admin, user=cast.marco),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_sessions_ends_tokens_at_once_in_this_process(cast, end):
    got = get_tokens()
    assert me(got["access"]).status_code == 200
    cast.marco.refresh_from_db()
    ENDS[end](cast)
    assert code(me(got["access"])) == INVALID
    assert code(refreshed(got["refresh"])) == INVALID
    assert not Entry.objects.filter(action="token_reused").exists()


@pytest.mark.parametrize("what", ["epoch", "family", "active"])
def test_what_another_process_ends_is_seen_within_the_promise(cast, monkeypatch, what):
    access = get_tokens()["access"]
    assert me(access).status_code == 200
    with connection.cursor() as cursor:  # past every listener, as from elsewhere
        if what == "epoch":
            cursor.execute("UPDATE accounts_user SET session_epoch = session_epoch + 1")
        elif what == "active":
            cursor.execute("UPDATE accounts_user SET is_active = %s", [False])
        else:
            cursor.execute("DELETE FROM accounts_tokenfamily")
    now = time.monotonic()
    monkeypatch.setattr("accounts.believed.time.monotonic", lambda: now + 3.1)
    assert code(me(access)) == INVALID


def test_logging_out_ends_all_tokens_of_that_sign_in_and_no_other(cast):
    here, there = get_tokens(), get_tokens()
    later = refreshed(here["refresh"]).json()
    response = Client().post(LOGOUT, headers=bearer(here["access"]))
    assert (response.status_code, response["Cache-Control"]) == (204, "no-store")
    for token in (here["access"], later["access"]):
        assert code(me(token)) == INVALID
    assert code(refreshed(later["refresh"])) == INVALID
    assert me(there["access"]).status_code == 200
    assert Entry.objects.filter(action="tokens_ended").count() == 1


def test_logging_out_ends_a_session_but_no_key(cast):
    browser = signed_in()
    assert browser.post(LOGOUT).status_code == 204
    assert browser.get(ME).status_code == 401
    key = cast.bearer(cast.marco)
    assert code(Client().post(LOGOUT, headers=key)) == (403, "permission_denied")
    assert Client().get(ME, headers=key).status_code == 200
    assert code(Client().post(LOGOUT)) == (401, "not_authenticated")


def test_a_session_needs_the_csrf_token_to_log_out_and_to_confirm(cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.marco)
    assert browser.post(LOGOUT).status_code == 403
    assert post(FRESH, {"password": PASSWORD}, browser).status_code == 403
    assert browser.get(ME).status_code == 200


# Proving once more


def test_a_session_is_fresh_after_its_password(cast):
    browser = signed_in()
    session = browser.session
    session["fresh_at"] -= 16 * 60
    session.save()
    make = {"name": "x", "days": "30"}
    assert browser.post("/account/keys/create/", make).status_code == 403
    response = post(FRESH, {"password": PASSWORD}, browser)
    assert set(response.json()) == {"fresh_until"}
    assert response["Cache-Control"] == "no-store"
    assert browser.post("/account/keys/create/", make).status_code == 200


def test_a_token_gets_a_fresh_one_and_what_follows_is_as_fresh(cast):
    got = get_tokens(scopes=["chat"])
    TokenFamily.objects.update(authenticated_at=timezone.now() - timedelta(hours=2))
    stale = refreshed(got["refresh"]).json()

    def auth_time(token):
        return jwt.decode(token, options={"verify_signature": False})["auth_time"]

    assert time.time() - auth_time(stale["access"]) > 7000
    answer = post(FRESH, {"password": PASSWORD}, headers=bearer(stale["access"]))
    fresh = answer.json()
    assert set(fresh) == {"fresh_until", "access", "expires_in", "token_type"}
    assert time.time() - auth_time(fresh["access"]) < 5
    assert tokens.read(fresh["access"]).scopes == {"chat"}
    later = refreshed(stale["refresh"]).json()
    assert auth_time(later["access"]) == auth_time(fresh["access"])


def test_a_caller_is_as_fresh_as_its_token_says(cast):
    from django.test import RequestFactory

    from accounts import fresh
    from accounts.authentication import identify

    got = get_tokens()
    request = RequestFactory().get("/", headers=bearer(got["access"]))
    identify(request)
    assert fresh.is_fresh(request)
    TokenFamily.objects.update(authenticated_at=timezone.now() - timedelta(minutes=16))
    stale = refreshed(got["refresh"]).json()["access"]
    request = RequestFactory().get("/", headers=bearer(stale))
    identify(request)
    with pytest.raises(Refusal, match="fresh_authentication_required"):
        fresh.require(request)


def test_a_wrong_password_makes_nothing_fresh_and_is_counted(cast):
    headers = bearer(get_tokens()["access"])
    for _ in range(10):
        assert code(post(FRESH, {"password": "wrong"}, headers=headers)) == INVALID
    assert post(FRESH, {"password": PASSWORD}, headers=headers).status_code == 429
    elsewhere = post(TOKEN, MARCO, REMOTE_ADDR="192.0.2.1")
    assert elsewhere.status_code == 429


def test_a_key_is_never_fresh_whatever_it_sends(cast):
    answer = post(FRESH, {"password": PASSWORD}, headers=cast.bearer(cast.marco))
    assert code(answer) == (403, "permission_denied")
    assert code(post(FRESH, {"password": PASSWORD})) == (401, "not_authenticated")


# What tokens may do


def test_scopes_hold_as_they_do_for_a_key(cast):
    narrow = bearer(get_tokens("admin@example.com", scopes=["chat"])["access"])
    reading = bearer(get_tokens("admin@example.com", scopes=["projects:read"])["access"])
    wide = bearer(get_tokens("admin@example.com")["access"])
    client = Client()
    for path in ("/api/users/", "/api/teams/", "/api/keys/", "/api/audit-entries/"):
        assert client.get(path, headers=narrow).status_code == 403, path
        assert client.get(path, headers=wide).status_code == 200, path
    assert client.get("/api/projects/", headers=reading).status_code == 200
    assert client.delete("/api/projects/assistant/", headers=reading).status_code == 403
    asked = {"message": "say: hi"}
    assert post("/api/projects/assistant/chat/", asked, headers=reading).status_code == 403
    for headers in (narrow, wide):
        assert post("/api/projects/assistant/chat/", asked, headers=headers).status_code == 200


def test_a_token_makes_no_key_that_may_more_than_it(cast):
    for scopes in (["chat"], ["manage"], sorted(tokens_scopes())):
        headers = bearer(get_tokens(scopes=scopes)["access"])
        for wanted in ({}, {"scopes": []}, {"scopes": ["chat"]}):
            answer = post("/api/keys/", {"name": "more", **wanted}, headers=headers)
            assert answer.status_code == 403
    assert not Key.objects.exists()
    whole = bearer(get_tokens()["access"])
    assert post("/api/keys/", {"name": "mine"}, headers=whole).status_code == 201
    entry = Entry.objects.get(target_type="accounts.Key", action="create")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(cast.marco.pk))


def tokens_scopes():
    from accounts.scopes import SCOPES

    return SCOPES


def test_a_token_sent_to_the_door_of_tokens_opens_nothing_there(cast):
    got = get_tokens(scopes=["chat"])
    answer = post(TOKEN, {"email": "marco@example.com"}, headers=bearer(got["access"]))
    assert answer.status_code == 422
    assert TokenFamily.objects.count() == 1


def test_tokens_work_at_the_openai_compatible_door(cast):
    body = {"model": "assistant", "messages": [{"role": "user", "content": "say: hi"}]}
    chat = bearer(get_tokens(scopes=["chat"])["access"])
    answer = post("/v1/chat/completions", body, headers=chat)
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    listed = Client().get("/v1/models", headers=chat).json()["data"]
    assert {row["id"] for row in listed} == {"assistant", "drafts"}
    reading = bearer(get_tokens(scopes=["usage:read"])["access"])
    assert post("/v1/chat/completions", body, headers=reading).status_code == 403
    assert Client().get("/v1/models", headers=reading).status_code == 403


def test_a_restricted_persons_tokens_chat_and_nothing_else(cast):
    headers = bearer(get_tokens("rita@example.com")["access"])
    client = Client()
    asked = {"message": "say: hi"}
    assert post("/api/projects/assistant/chat/", asked, headers=headers).status_code == 200
    assert post("/api/projects/drafts/chat/", asked, headers=headers).status_code == 404
    assert client.get("/api/conversations/", headers=headers).status_code == 200
    assert client.get(ME, headers=headers).status_code == 200
    for path in ("/api/projects/", "/api/users/", "/api/keys/", "/api/usage/"):
        assert client.get(path, headers=headers).status_code == 403, path
        assert post(path, {}, headers=headers).status_code == 403, path
    for scopes in (["projects:read"], ["chat", "manage"]):
        answer = post(TOKEN, {"email": "rita@example.com", "password": PASSWORD, "scopes": scopes})
        assert code(answer) == (403, "permission_denied")


def test_a_bad_token_is_never_replaced_by_a_good_session(cast):
    browser = signed_in()
    assert browser.get(ME, headers=bearer("a.b.c")).status_code == 401


def test_a_program_on_a_new_network_is_an_event_and_its_owner_is_told(cast):
    assert post(TOKEN, MARCO, REMOTE_ADDR="192.0.2.1").status_code == 200
    assert not Entry.objects.filter(action="sign_in_unusual").exists()
    assert post(TOKEN, MARCO, REMOTE_ADDR="198.51.100.1").status_code == 200
    assert Entry.objects.filter(action="sign_in_unusual").count() == 1
    assert cast.marco.notices.filter(kind="new_sign_in").count() == 1


def test_without_an_entry_there_is_no_token(cast, monkeypatch):
    def fail(**_fields):
        raise Refusal("audit_unavailable")

    monkeypatch.setattr("accounts.token_actions.trail.record", fail)
    assert code(post(TOKEN, MARCO)) == (503, "audit_unavailable")
    assert not TokenFamily.objects.exists()


# The second factor


class Factor:
    """Who has one and must have one, as the second factor's own module answers it."""

    def __init__(self, monkeypatch):
        self.having, self.required, self.asked = set(), set(), []
        monkeypatch.setattr(second_factor, "has", lambda user: user.pk in self.having)
        monkeypatch.setattr(second_factor, "is_required", lambda user: user.pk in self.required)
        monkeypatch.setattr(second_factor, "check", self.check)

    def check(self, user, code, address, *, device=""):
        self.asked.append((user.pk, code, address))
        if code != "123456":
            raise Refusal("invalid_credentials", "This code is not right.")


@pytest.fixture
def factor(monkeypatch):
    return Factor(monkeypatch)


def test_who_has_a_factor_shows_it(cast, factor):
    factor.having.add(cast.marco.pk)
    assert code(post(TOKEN, MARCO)) == (401, "second_factor_required")
    got = get_tokens(code="123456")
    assert factor.asked == [(cast.marco.pk, "123456", "127.0.0.1")]
    assert jwt.decode(got["access"], options={"verify_signature": False})["mfa"] is True
    assert me(got["access"]).status_code == refreshed(got["refresh"]).status_code == 200


def test_a_wrong_code_is_answered_and_counted_like_a_wrong_password(cast, factor):
    factor.having.add(cast.marco.pk)
    wrong_password = post(TOKEN, {**MARCO, "password": "wrong"}, REMOTE_ADDR="192.0.2.200")
    wrong_code = post(TOKEN, {**MARCO, "code": "000000"}, REMOTE_ADDR="192.0.2.201")
    assert refusal(wrong_code) == refusal(wrong_password)
    for number in range(8):
        post(TOKEN, {**MARCO, "code": "000000"}, REMOTE_ADDR=f"192.0.2.{number}")
    right = post(TOKEN, {**MARCO, "code": "123456"}, REMOTE_ADDR="192.0.2.250")
    assert code(right) == (429, "too_many_attempts")
    assert Entry.objects.filter(action="sign_in_failed").count() == 10


def test_a_wrong_password_with_a_code_says_nothing_of_the_factor(cast, factor):
    factor.having.add(cast.marco.pk)
    answers = [
        refusal(post(TOKEN, {**MARCO, "password": "wrong", "code": "123456"})),
        refusal(post(TOKEN, {"email": "x@example.com", "password": "y", "code": "123456"})),
    ]
    assert answers[0] == answers[1]
    assert factor.asked == []


def test_who_must_have_a_factor_and_has_none_gets_no_token(cast, factor):
    factor.required.add(cast.marco.pk)
    for sent in ({}, {"code": "123456"}):
        assert code(post(TOKEN, {**MARCO, **sent})) == (401, "second_factor_required")
    assert not TokenFamily.objects.exists()


@pytest.mark.parametrize("how", ["having", "required"])
def test_tokens_from_before_the_factor_open_nothing_any_more(cast, factor, how):
    got = get_tokens()
    assert me(got["access"]).status_code == 200
    getattr(factor, how).add(cast.marco.pk)
    believed.believed.clear("test")
    assert code(me(got["access"])) == (401, "second_factor_required")
    assert code(refreshed(got["refresh"])) == (401, "second_factor_required")


def test_proving_once_more_takes_the_factor_too(cast, factor):
    factor.having.add(cast.marco.pk)
    headers = bearer(get_tokens(code="123456")["access"])
    sent = {"password": PASSWORD}
    assert code(post(FRESH, sent, headers=headers)) == (401, "second_factor_required")
    assert code(post(FRESH, {**sent, "code": "000000"}, headers=headers)) == INVALID
    assert post(FRESH, {**sent, "code": "123456"}, headers=headers).status_code == 200


# The same with an authenticator app


def test_a_code_of_the_app_opens_the_door_once(cast):
    secret, recovery = codes.with_factor(cast.marco)
    assert code(post(TOKEN, MARCO)) == (401, "second_factor_required")
    sent = {**MARCO, "code": codes.code_of(secret)}
    with codes.clock():
        got = post(TOKEN, sent)
        again = post(TOKEN, sent)
    assert (got.status_code, code(again)) == (200, INVALID)
    assert me(got.json()["access"]).status_code == 200
    assert refreshed(got.json()["refresh"]).status_code == 200
    assert post(TOKEN, {**MARCO, "code": recovery[0]}).status_code == 200
    assert code(post(TOKEN, {**MARCO, "code": recovery[0]})) == INVALID


def test_an_app_that_is_enrolled_and_a_demand_end_what_came_by_password_alone(cast, settings):
    got, hers = get_tokens(), get_tokens("olivia@example.com")
    assert me(got["access"]).status_code == me(hers["access"]).status_code == 200
    codes.with_factor(cast.marco)
    assert code(me(got["access"]))[0] == code(refreshed(got["refresh"]))[0] == 401
    codes.demand(cast.research)
    assert code(me(hers["access"])) == (401, "second_factor_required")
    assert code(post(TOKEN, {"email": "olivia@example.com", "password": PASSWORD})) == (
        401,
        "second_factor_required",
    )
    settings.BASIC_AUTH = True
    words = base64.b64encode(f"olivia@example.com:{PASSWORD}".encode()).decode()
    assert code(Client().get(ME, headers={"authorization": f"Basic {words}"})) == INVALID
