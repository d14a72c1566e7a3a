"""Guessing, probing and forging at every door that takes a password or a link."""

import re
import smtplib

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts import throttle
from accounts.models import User
from accounts.throttle import network_of
from audit import trail
from audit.changes import MASK, unsealed
from audit.models import Entry
from portal.errors import Refusal
from tests.cast import PASSWORD

LOGIN, RESET, CHANGE = "/account/login/", "/account/password/reset/", "/account/password/change/"


def post(path, data, client=None, **extra):
    return (client or Client()).post(path, data, **extra)


def refusal(response):
    """What a refused person sees, without the request's own id and the seconds left."""
    assert int(response["Retry-After"]) > 0
    page = response.content.decode().replace(response["X-Request-ID"], "")
    return response.status_code, re.sub(r"in \d+ seconds?", "", page)


def test_a_locked_account_and_a_locked_name_that_is_none_look_the_same(cast):
    answers = []
    for block, email in ((2, "marco@example.com"), (3, "nobody@example.com")):
        for number in range(11):
            response = post(
                LOGIN, {"login": email, "password": "wrong"}, REMOTE_ADDR=f"192.0.{block}.{number}"
            )
        answers.append(refusal(response))
    assert answers[0] == answers[1]
    assert answers[0][0] == 429


def test_the_name_counts_whatever_its_case(cast):
    for number in range(10):
        name = "marco@example.com" if number % 2 else " MARCO@Example.com "
        post(LOGIN, {"login": name, "password": "wrong"}, REMOTE_ADDR=f"192.0.2.{number}")
    right = {"login": "marco@example.com", "password": PASSWORD}
    assert post(LOGIN, right, REMOTE_ADDR="192.0.2.99").status_code == 429


def test_an_ipv6_network_counts_as_one_address(cast):
    for number in range(10):
        data = {"login": f"nobody{number}@example.com", "password": "wrong"}
        post(LOGIN, data, REMOTE_ADDR=f"2001:db8:1:1::{number:x}")
    right = {"login": "marco@example.com", "password": PASSWORD}
    assert post(LOGIN, right, REMOTE_ADDR="2001:db8:1:1:ffff::1").status_code == 429
    assert post(LOGIN, right, REMOTE_ADDR="2001:db8:1:2::1").status_code == 302


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network


def test_a_forged_forwarding_header_makes_no_new_address(cast):
    for number in range(10):
        data = {"login": f"nobody{number}@example.com", "password": "wrong"}
        post(LOGIN, data, headers={"x-forwarded-for": f"198.51.100.{number}"})
    right = {"login": "marco@example.com", "password": PASSWORD}
    response = post(LOGIN, right, headers={"x-forwarded-for": "203.0.113.9"})
    assert response.status_code == 429


def test_resets_are_limited_alike_for_existing_and_unknown_accounts(cast):
    answers = []
    for block, email in ((2, "marco@example.com"), (3, "nobody@example.com")):
        statuses = []
        for number in range(11):
            response = post(RESET, {"email": email}, REMOTE_ADDR=f"192.0.{block}.{number}")
            statuses.append(response.status_code)
        answers.append((statuses, refusal(response)))
    assert answers[0] == answers[1]
    assert answers[0][0] == [302] * 10 + [429]


def test_guessing_the_old_password_from_an_open_session_counts_too(cast):
    client = Client()
    client.force_login(cast.marco)
    data = {"oldpassword": "wrong", "password1": "another-long-one-7", "password2": ""}
    for _ in range(10):
        assert post(CHANGE, data, client).status_code == 200
    assert post(CHANGE, data, client).status_code == 429
    right = {"login": "marco@example.com", "password": PASSWORD}
    assert post(LOGIN, right, REMOTE_ADDR="192.0.2.1").status_code == 429


def test_a_flood_is_refused_even_where_every_try_is_right(cast, monkeypatch):
    monkeypatch.setattr(throttle, "COARSE_RATE", "3/m")
    right = {"login": "marco@example.com", "password": PASSWORD}
    statuses = [post(LOGIN, right).status_code for _ in range(8)]
    assert statuses.count(429) >= 2  # even if a minute ends in between
    assert statuses[:3] == [302] * 3


def test_signing_in_works_while_redis_is_dead(cast, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    right = {"login": "marco@example.com", "password": PASSWORD}
    assert post(LOGIN, right).status_code == 302


def test_guessing_links_is_limited_and_a_right_one_is_not_counted(cast):
    for _ in range(10):
        assert Client().get("/account/password/reset/key/1-abc-def/").status_code == 200
    assert Client().get("/account/password/reset/key/1-abc-def/").status_code == 429


def test_a_reset_link_is_under_the_portals_own_address_and_works_once(cast, settings):
    settings.ALLOWED_HOSTS = ["*"]
    here, there = Client(), Client()
    there.force_login(cast.marco)
    response = post(RESET, {"email": "marco@example.com"}, headers={"host": "evil.example"})
    assert response.status_code == 302
    (message,) = mail.outbox
    link = next(word for word in message.body.split() if "/reset/key/" in word)
    assert link.startswith(settings.BASE_URL + "/account/password/reset/key/")
    assert "evil.example" not in message.body + message.subject
    path = link.removeprefix(settings.BASE_URL)
    form = here.get(path, follow=True).redirect_chain[-1][0]
    assert "set-password" in form
    new = "another-long-passphrase-7"
    assert post(form, {"password1": new, "password2": new}, here).status_code == 302
    assert there.get("/account/").status_code == 302
    assert post(LOGIN, {"login": "marco@example.com", "password": new}).status_code == 302
    assert "does not work any more" in Client().get(path).content.decode()
    assert not EmailAddress.objects.exists()


def test_a_former_address_opens_nothing_and_gets_no_link(cast):
    assert post(LOGIN, {"login": "marco@example.com", "password": PASSWORD}).status_code == 302
    cast.marco.email = "marco@example.org"
    cast.marco.save()
    assert post(LOGIN, {"login": "marco@example.com", "password": PASSWORD}).status_code == 200
    post(RESET, {"email": "marco@example.com"})
    assert not any("/reset/key/" in message.body for message in mail.outbox)
    assert post(LOGIN, {"login": "marco@example.org", "password": PASSWORD}).status_code == 302


def test_a_deactivated_person_gets_no_link(cast):
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    post(RESET, {"email": "marco@example.com"})
    assert not any("/reset/key/" in message.body for message in mail.outbox)


def test_a_dead_mail_server_says_nothing_about_accounts(cast, monkeypatch):
    def fail(*_args, **_kwargs):
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)
    for email in ("marco@example.com", "nobody@example.com"):
        assert post(RESET, {"email": email}).status_code == 503


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "https://testserver.evil.example/",
        "https://127.0.0.1/",
    ],
)
def test_next_stays_on_this_host(cast, target):
    right = {"login": "marco@example.com", "password": PASSWORD, "next": target}
    assert post(LOGIN, right)["Location"] == "/"


def test_next_leads_where_one_was_going(cast):
    right = {"login": "marco@example.com", "password": PASSWORD, "next": "/account/keys/"}
    assert post(LOGIN, right)["Location"] == "/account/keys/"


def test_a_failure_is_in_the_trail_with_the_typed_name_sealed_and_no_password(cast):
    post(LOGIN, {"login": "Marco@example.com", "password": "guess-me-not"})
    entry = Entry.objects.get(action="sign_in_failed")
    stored = str(Entry.objects.filter(pk=entry.pk).values().get())
    assert "marco" not in stored.lower()
    assert "guess-me-not" not in stored
    assert unsealed(entry.changes["email"][1], place="accounts.User.email") == "marco@example.com"
    assert (entry.actor_kind, entry.address, entry.path) == ("anonymous", "127.0.0.1", LOGIN)


def test_without_an_entry_nobody_is_signed_in(cast, monkeypatch):
    def fail(**_fields):
        raise Refusal("audit_unavailable")

    monkeypatch.setattr(trail, "record", fail)
    client = Client()
    response = post(LOGIN, {"login": "marco@example.com", "password": PASSWORD}, client)
    assert response.status_code == 503
    assert client.get("/account/").status_code == 302


def test_a_new_password_leaves_no_hash_in_the_trail(cast):
    client = Client()
    client.force_login(cast.marco)
    new = "another-long-passphrase-7"
    post(CHANGE, {"oldpassword": PASSWORD, "password1": new, "password2": new}, client)
    entry = Entry.objects.get(target_type="accounts.User", action="update")
    assert entry.changes["password"] == [MASK, MASK]
    assert entry.actor_id == str(cast.marco.pk)


@pytest.mark.parametrize(
    "password", ["short-1", "123456789012345", "password1234", "marco@example.com"]
)
def test_weak_passwords_are_refused(cast, password):
    client = Client()
    client.force_login(cast.marco)
    data = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    assert post(CHANGE, data, client).status_code == 200
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)
    data = {"oldpassword": PASSWORD, "password1": "", "password2": ""}
    assert post(CHANGE, data, client).status_code == 200
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)


def test_the_session_is_a_new_one_after_signing_in(cast):
    client = Client()
    client.get(LOGIN)
    client.session["planted"] = "x"
    client.session.save()
    before = client.session.session_key
    response = post(LOGIN, {"login": "marco@example.com", "password": PASSWORD}, client)
    assert client.session.session_key != before
    cookie = response.cookies["gatehouse_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_the_pauses_grow_for_who_goes_on_guessing(cast, monkeypatch):
    """Ten in five minutes, twenty in an hour, forty in a day; then one every 36 minutes."""
    now = [1_800_000_000_000_000]
    monkeypatch.setattr("portal.limits.clock", lambda: now[0])
    address = iter(range(1, 100_000))

    def tried_in(seconds, every):
        tried = 0
        for _ in range(0, seconds, every):
            there = next(address)
            extra = {"REMOTE_ADDR": f"10.{there >> 16}.{there >> 8 & 255}.{there & 255}"}
            data = {"login": "marco@example.com", "password": "wrong"}
            tried += Client().post(LOGIN, data, **extra).status_code == 200
            now[0] += every * 1_000_000
        return tried

    found = tried_in(300, 10)
    assert 10 <= found <= 20
    found += tried_in(3300, 30)
    assert 20 <= found <= 40
    found += tried_in(8 * 3600, 300)
    assert found <= 40 + 9 * 3600 / 2160 + 1


def test_who_signed_in_with_a_browser_before_is_not_locked_out_by_strangers(cast):
    mine = Client(REMOTE_ADDR="198.51.100.7")
    data = {"login": "marco@example.com", "password": PASSWORD}
    assert mine.post(LOGIN, data).status_code == 302
    mine.post("/account/logout/")
    for number in range(12):
        last = Client(REMOTE_ADDR=f"192.0.2.{number}").post(LOGIN, {**data, "password": "x"})
    assert last.status_code == 429
    assert Client(REMOTE_ADDR="203.0.113.1").post(LOGIN, data).status_code == 429
    assert mine.post(LOGIN, data).status_code == 302


def test_a_browsers_own_guesses_are_counted_too_and_its_cookie_serves_no_other_account(cast):
    browser = Client(REMOTE_ADDR="198.51.100.7")
    browser.post(LOGIN, {"login": "marco@example.com", "password": PASSWORD})
    browser.post("/account/logout/")
    guesses = {"login": "olivia@example.com", "password": "wrong"}
    for number in range(10):
        browser.post(LOGIN, guesses, REMOTE_ADDR=f"192.0.2.{number}")
    stranger = Client(REMOTE_ADDR="203.0.113.5")
    assert stranger.post(LOGIN, {**guesses, "password": PASSWORD}).status_code == 429
    mine = {"login": "marco@example.com", "password": "wrong"}
    tries = [browser.post(LOGIN, mine, REMOTE_ADDR=f"192.0.3.{n}").status_code for n in range(12)]
    assert tries == [200] * 10 + [429] * 2
