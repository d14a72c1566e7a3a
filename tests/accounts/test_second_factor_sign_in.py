"""Signing in with a second factor, being led through setting one up, and sessions that owe one."""

import re
from base64 import b32encode

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import factor_actions, second_factor
from accounts.models import Notice, Session, User
from audit.models import Entry
from tests.accounts.codes import (
    BEGIN,
    CODES,
    ENROL,
    LOGIN,
    NOW,
    PAGE,
    REMOVE,
    SET_UP,
    VERIFY,
    browser,
    code_of,
    codes_on,
    demand,
    first_step,
    forget,
    pending,
    post_code,
    secret_on,
    signed_in,
    stale,
    with_factor,
    wrong_code,
)
from tests.cast import PASSWORD

# Signing in


def test_before_the_code_is_right_nobody_is_signed_in(cast):
    secret, _codes = with_factor(cast.marco)
    client, response = first_step("marco@example.com")
    assert (response.status_code, response["Location"]) == (302, VERIFY)
    assert "_auth_user_id" not in client.session
    for path in ("/", "/account/", PAGE):
        assert client.get(path)["Location"].startswith(LOGIN)
    assert client.get("/api/users/me/").status_code == 401
    assert Entry.objects.filter(action="sign_in").count() == 0
    wrong = post_code(client, wrong_code(secret))
    assert wrong.status_code == 200
    assert "not valid" in wrong.content.decode()
    assert client.get("/")["Location"].startswith(LOGIN)
    right = post_code(client, code_of(secret))
    assert (right.status_code, right["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    assert Entry.objects.filter(action="sign_in").count() == 1
    assert Session.objects.filter(user=cast.marco).count() == 1


def test_the_code_of_one_sign_in_serves_no_other(cast):
    secret, _codes = with_factor(cast.marco)
    signed_in(cast.marco, secret)
    client, _ = first_step("marco@example.com")
    assert post_code(client, code_of(secret)).status_code == 200
    assert client.get("/")["Location"].startswith(LOGIN)


def test_a_recovery_code_signs_in_once(cast):
    _secret, codes = with_factor(cast.marco)
    client, _ = first_step("marco@example.com")
    assert post_code(client, codes[0].lower()).status_code == 302
    assert client.get("/").status_code == 200
    client, _ = first_step("marco@example.com")
    assert post_code(client, codes[0]).status_code == 200


@pytest.mark.parametrize("code", ["", " ", "-"])
def test_an_empty_code_signs_nobody_in(cast, code):
    with_factor(cast.marco)
    client, _ = first_step("marco@example.com")
    response = post_code(client, code)
    assert response.status_code == 200
    assert "_auth_user_id" not in client.session


def test_the_second_step_is_nobodys_without_the_first(cast):
    with_factor(cast.marco)
    for path in (VERIFY, ENROL):
        for response in (Client().get(path), Client().post(path, {"code": "123456"})):
            assert (response.status_code, response["Location"]) == (302, LOGIN)


def test_next_leads_on_after_both_steps_the_consoles_too(cast):
    secret, _codes = with_factor(cast.admin)
    client = Client()
    sent = client.get("/admin/login/?next=/admin/accounts/user/")
    assert sent["Location"] == f"{LOGIN}?next=/admin/accounts/user/"
    data = {"login": "admin@example.com", "password": PASSWORD, "next": "/admin/accounts/user/"}
    assert client.post(LOGIN, data)["Location"] == VERIFY
    assert client.get("/admin/accounts/user/")["Location"].startswith("/admin/login/")
    assert post_code(client, code_of(secret))["Location"] == "/admin/accounts/user/"
    assert client.get("/admin/accounts/user/").status_code == 200


def test_guesses_at_the_code_are_counted_by_account_and_by_address(cast):
    secret, _codes = with_factor(cast.marco)
    client, _ = first_step("marco@example.com")
    for number in range(10):
        address = f"192.0.2.{number}"
        assert post_code(client, wrong_code(secret), REMOTE_ADDR=address).status_code == 200
    response = post_code(client, code_of(secret), REMOTE_ADDR="192.0.2.99")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    # Passwords have a bucket of their own, and so has everybody else.
    _client, first = first_step("marco@example.com", REMOTE_ADDR="192.0.2.98")
    assert first.status_code == 302
    sams_secret, _codes = with_factor(cast.sam)
    client, _ = first_step("sam@example.com")
    for _number in range(10):
        post_code(client, wrong_code(sams_secret), REMOTE_ADDR="198.51.100.1")
    assert first_step("vera@example.com", REMOTE_ADDR="198.51.100.1")[1].status_code == 429


def test_a_right_password_is_not_counted_though_the_code_is_missing(cast):
    with_factor(cast.marco)
    for _number in range(15):
        assert first_step("marco@example.com")[1].status_code == 302


def test_a_wrong_password_says_nothing_of_a_second_factor(cast, settings):
    with_factor(cast.marco)
    settings.SECOND_FACTOR_REQUIRED = True
    pages = []
    for name in ("marco", "sam", "nobody"):
        _client, page = first_step(f"{name}@example.com", password="wrong")
        pages.append(page.content.decode().replace(name, "").split("csrfmiddlewaretoken")[0])
    assert pages[0] == pages[1] == pages[2]


def test_what_changed_meanwhile_ends_a_sign_in_that_waits(cast):
    secret, _codes = with_factor(cast.marco)
    waiting = [first_step("marco@example.com")[0] for _number in range(3)]
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    assert post_code(waiting[0], code_of(secret))["Location"] == LOGIN
    User.objects.filter(pk=cast.marco.pk).update(is_active=True)
    client = signed_in(cast.marco, secret, NOW + 60)
    new = "another-long-passphrase-7"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/account/password/change/", data).status_code == 302
    later = NOW + 120
    assert post_code(waiting[1], code_of(secret, later), at=later)["Location"] == LOGIN
    assert "_auth_user_id" not in waiting[1].session


def test_after_a_reset_of_the_factor_one_signs_in_anew(cast):
    with_factor(cast.marco)
    client, _ = first_step("marco@example.com")
    factor_actions.reset(by=cast.admin, user=cast.marco)
    assert client.get(VERIFY)["Location"] == LOGIN
    assert first_step("marco@example.com")[1]["Location"] == "/"


def test_a_planted_session_does_not_share_what_was_proved_in_it(cast, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    attacker = Client()
    attacker.get(LOGIN)
    attacker.session.save()
    planted = attacker.session.session_key
    victim = Client()
    victim.cookies["gatehouse_session"] = attacker.cookies["gatehouse_session"] = planted
    first_step("marco@example.com", victim)
    assert victim.get(ENROL).status_code == 200
    assert attacker.get(ENROL)["Location"] == LOGIN


def test_a_mailed_reset_of_the_password_does_not_go_round_it(cast):
    secret, _codes = with_factor(cast.marco)
    mail.outbox.clear()
    Client().post("/account/password/reset/", {"email": "marco@example.com"})
    (message,) = mail.outbox
    path = re.search(r"/account/password/reset/key/\S+", message.body)[0]
    client = Client()
    form = client.get(path, follow=True).redirect_chain[-1][0]
    new = "another-long-passphrase-7"
    client.post(form, {"password1": new, "password2": new})
    assert client.get("/")["Location"].startswith(LOGIN)
    client, response = first_step("marco@example.com", password=new)
    assert response["Location"] == VERIFY
    assert post_code(client, code_of(secret)).status_code == 302


def test_a_restart_forgets_nothing(cast):
    """All of it is in the database: a sign-in begun before goes on after, and a spent code stays spent."""
    secret, _codes = with_factor(cast.marco)
    client, _ = first_step("marco@example.com")
    again, _ = first_step("marco@example.com")
    forget()
    assert post_code(client, code_of(secret)).status_code == 302
    forget()
    assert post_code(again, code_of(secret)).status_code == 200


# Enrolment at sign-in


@pytest.mark.parametrize("name", ["admin", "auditor", "olivia", "marco", "rita", "sam"])
def test_where_the_platform_demands_it_everybody_is_led_through_enrolment(cast, settings, name):
    settings.SECOND_FACTOR_REQUIRED = True
    user = getattr(cast, name)
    client, response = first_step(user.email)
    assert response["Location"] == ENROL
    assert "_auth_user_id" not in client.session
    page = client.get(ENROL)
    secret = secret_on(page)
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert client.get(ENROL).status_code == 200
    assert secret_on(client.get(ENROL)) == secret
    assert client.get("/")["Location"].startswith(LOGIN)
    assert post_code(client, wrong_code(secret), ENROL).status_code == 200
    assert post_code(client, "", ENROL).status_code == 200
    assert not second_factor.has(user)
    done = post_code(client, code_of(secret), ENROL)
    assert done.status_code == 200
    assert "no-store" in done["Cache-Control"]
    codes = codes_on(done)
    assert len(codes) == 10
    assert client.get("/account/").status_code == 200
    assert client.get("/api/users/me/").status_code == 200
    entry = Entry.objects.get(action="second_factor_on")
    assert (entry.actor_id, entry.target_id) == (str(user.pk), str(user.pk))
    assert Notice.objects.filter(kind="second_factor_on", user=user).count() == 1
    client, response = first_step(user.email)
    assert response["Location"] == VERIFY
    assert post_code(client, codes[5]).status_code == 302


def test_a_team_demands_it_of_its_own_people_only(cast):
    demand(cast.research)
    for name, door in (("marco", ENROL), ("rita", ENROL), ("olivia", ENROL), ("sam", "/")):
        assert first_step(f"{name}@example.com")[1]["Location"] == door, name
    assert first_step("admin@example.com")[1]["Location"] == "/"


def test_enrolment_on_the_way_to_the_console_leads_there(cast):
    demand(cast.research)
    client = Client()
    data = {"login": "olivia@example.com", "password": PASSWORD, "next": "/admin/"}
    assert client.post(LOGIN, data)["Location"] == ENROL
    assert client.get("/admin/").status_code == 302
    done = post_code(client, code_of(secret_on(client.get(ENROL))), ENROL)
    assert 'href="/admin/"' in done.content.decode()
    assert client.get("/admin/").status_code == 200


def test_each_sign_in_has_a_secret_of_its_own(cast, settings):
    """Whoever learnt a password sees a secret that the owner never confirms."""
    settings.SECOND_FACTOR_REQUIRED = True
    attacker, _ = first_step("marco@example.com")
    seen = secret_on(attacker.get(ENROL))
    owner, _ = first_step("marco@example.com")
    secret = secret_on(owner.get(ENROL))
    assert secret != seen
    assert post_code(attacker, code_of(seen), ENROL)["Location"] == LOGIN
    assert len(codes_on(post_code(owner, code_of(secret), ENROL))) == 10
    assert attacker.get("/")["Location"].startswith(LOGIN)


def test_the_qr_code_holds_what_an_app_needs(cast, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    client, _ = first_step("marco@example.com")
    page = client.get(ENROL).content.decode()
    secret = pending(cast.marco).secret
    wanted = f"otpauth://totp/Gatehouse:marco%40example.com?secret={secret}&amp;issuer=Gatehouse"
    assert wanted in page
    assert len(b32encode(b"0" * 20)) == len(secret)


# Sessions that are there already


def test_a_session_that_runs_when_it_begins_to_be_demanded_is_led_through_enrolment(cast):
    client = browser(cast.marco)
    assert client.get("/").status_code == 200
    demand(cast.research)
    for path in ("/", "/account/", "/account/keys/", "/playground/assistant/", "/api/docs/"):
        assert client.get(path)["Location"] == PAGE, path
    assert client.post("/account/", {"name": "M"})["Location"] == PAGE
    refusal = client.get("/api/users/me/")
    assert refusal.status_code == 401
    assert refusal.json()["error"]["code"] == "second_factor_required"
    body = {"name": "x"}
    assert client.post("/api/projects/", body, "application/json").status_code == 401
    assert client.post("/v1/chat/completions", {}, "application/json").status_code == 401
    assert "requires a second factor" in client.get(PAGE).content.decode()
    assert client.post(BEGIN)["Location"] == SET_UP
    done = post_code(client, code_of(secret_on(client.get(SET_UP))), SET_UP)
    assert len(codes_on(done)) == 10
    assert client.get("/").status_code == 200
    assert client.get("/api/users/me/").status_code == 200


def test_it_is_asked_to_confirm_first_where_it_signed_in_long_ago(cast):
    client = stale(browser(cast.marco))
    demand(cast.research)
    asked = client.post(BEGIN)
    assert asked.status_code == 403
    assert 'name="code"' not in asked.content.decode()
    done = client.post("/account/confirm/", {"password": PASSWORD, "next": PAGE})
    assert done["Location"] == PAGE
    assert client.post(BEGIN)["Location"] == SET_UP


def test_it_may_leave_and_is_let_in_again_when_it_is_not_demanded_any_more(cast):
    client = browser(cast.marco)
    demand(cast.research)
    assert client.get("/")["Location"] == PAGE
    demand(cast.research, on=False)
    assert client.get("/").status_code == 200
    demand(cast.research)
    assert client.post("/account/logout/").status_code == 302
    assert client.get("/")["Location"].startswith(LOGIN)


@pytest.mark.parametrize("name", ["admin", "olivia"])
def test_the_console_is_closed_to_sessions_that_owe_it(cast, settings, name):
    client = browser(getattr(cast, name))
    assert client.get("/admin/").status_code == 200
    settings.SECOND_FACTOR_REQUIRED = True
    forget()
    assert client.get("/admin/")["Location"] == PAGE
    assert client.post("/admin/accounts/user/add/", {})["Location"] == PAGE


def test_a_session_opened_round_the_second_factor_that_there_is_ends(cast):
    with_factor(cast.marco)
    client = browser(cast.marco)
    assert client.get("/api/users/me/").json()["error"]["code"] == "second_factor_required"
    for path in (BEGIN, CODES, REMOVE):
        client = browser(cast.marco)
        assert client.post(path)["Location"].startswith(LOGIN), path
    client = browser(cast.marco)
    response = client.get("/account/keys/")
    assert response["Location"] == f"{LOGIN}?next=/account/keys/"
    assert "_auth_user_id" not in client.session
    assert second_factor.codes_left(cast.marco) == 10


@pytest.mark.parametrize("path", ["/", "/account/keys/", "/api/users/me/", "/api/docs/"])
def test_no_header_lets_such_a_session_through(cast, path):
    demand(cast.research)
    client = browser(cast.marco)
    for value in ("x", "Bearer gh_x", "Basic eDp5"):
        assert client.get(path, headers={"authorization": value}).status_code in (302, 401)
    owed = client.get("/api/users/me/", headers={"authorization": "Bearer x"})
    assert owed.json()["error"]["code"] == "invalid_credentials"


def test_strangers_doors_stay_open_to_it(cast):
    demand(cast.research)
    client = browser(cast.marco)
    for path in ("/healthz", "/readyz", "/widget/loader.js"):
        assert client.get(path).status_code == 200, path
    assert client.get("/nowhere/")["Location"] == PAGE


def test_keys_keep_working(cast):
    headers = cast.bearer(cast.marco)
    with_factor(cast.marco)
    demand(cast.research)
    assert Client().get("/api/users/me/", headers=headers).status_code == 200
    assert browser(cast.marco).get("/api/users/me/", headers=headers).status_code == 200


def test_is_verified_says_how_one_signed_in(cast):
    secret, _codes = with_factor(cast.marco)
    seen = []

    def look(get_response):
        def middleware(request):
            seen.append(request.user.is_verified())
            return get_response(request)

        return middleware

    from django.conf import settings
    from django.test.utils import override_settings

    globals()["_look"] = look
    place = settings.MIDDLEWARE.index("accounts.verification.SecondFactorMiddleware") + 1
    middleware = [*settings.MIDDLEWARE]
    middleware.insert(place, f"{__name__}._look")
    with override_settings(MIDDLEWARE=middleware):
        signed_in(cast.marco, secret).get("/account/")
        browser(cast.sam).get("/account/")
        Client().get("/account/")
    assert seen[-3:] == [True, False, False]
    assert User.objects.get(pk=cast.marco.pk).is_verified() is False


def test_a_request_by_session_costs_no_query_more(cast):
    secret, _codes = with_factor(cast.marco)
    verified, plain = signed_in(cast.marco, secret), browser(cast.sam)
    for client in (verified, plain):
        client.get("/api/users/me/")
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/api/users/me/").status_code == 200
        asked = [query["sql"] for query in captured]
        assert not [sql for sql in asked if "totpdevice" in sql or "second_factor" in sql], asked
    forget()
    with CaptureQueriesContext(connection) as again:
        assert verified.get("/api/users/me/").status_code == 200
    assert len(again) == len(captured)  # it comes with the person
