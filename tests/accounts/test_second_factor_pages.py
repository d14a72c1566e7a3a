"""The page where people keep their second factor."""

import pytest
from django.db import connection
from django.test import Client

from accounts import second_factor
from accounts.models import Notice, TotpDevice
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
    clock,
    code_of,
    codes_on,
    demand,
    first_step,
    post_code,
    secret_on,
    signed_in,
    stale,
    with_factor,
    wrong_code,
)
from tests.cast import PASSWORD


def enrolled(client):
    """Sets an app up by the pages; (its secret, its codes)."""
    assert client.post(BEGIN)["Location"] == SET_UP
    secret = secret_on(client.get(SET_UP))
    done = post_code(client, code_of(secret), SET_UP)
    return secret, codes_on(done)


@pytest.mark.parametrize("name", ["marco", "rita", "admin", "auditor"])
def test_everybody_sets_it_up_and_all_other_sessions_end(cast, name):
    user = getattr(cast, name)
    here, there = browser(user), browser(user)
    assert "Set up" in here.get(PAGE).content.decode()
    secret, codes = enrolled(here)
    assert len(codes) == 10
    assert here.get(PAGE).status_code == 200
    assert "10 are left" in here.get(PAGE).content.decode()
    assert there.get("/account/")["Location"].startswith(LOGIN)
    assert here.get(SET_UP)["Location"] == PAGE
    assert signed_in(user, secret, NOW + 60).get("/account/").status_code == 200
    assert Notice.objects.filter(kind="second_factor_on", user=user).count() == 1
    page = here.get(PAGE).content.decode()
    for plain in (secret, secret.replace(" ", ""), *codes):
        assert plain not in page


def test_nothing_is_on_before_the_code_and_the_secret_is_the_sessions_alone(cast):
    client, other = browser(cast.marco), browser(cast.marco)
    client.post(BEGIN)
    secret = secret_on(client.get(SET_UP))
    assert other.get(SET_UP)["Location"] == PAGE
    assert post_code(other, code_of(secret), SET_UP)["Location"] == PAGE
    assert post_code(client, wrong_code(secret), SET_UP).status_code == 200
    assert post_code(client, "", SET_UP).status_code == 200
    assert not second_factor.has(cast.marco)
    assert other.get("/account/").status_code == 200


def test_replacing_keeps_the_former_app_until_the_new_ones_code(cast):
    secret, _codes = with_factor(cast.marco)
    client = signed_in(cast.marco, secret)
    client.post(BEGIN)
    new = secret_on(client.get(SET_UP))
    later = NOW + 60
    assert signed_in(cast.marco, secret, later).get("/account/").status_code == 200
    assert len(codes_on(post_code(client, code_of(new, later), SET_UP, at=later))) == 10
    assert client.get("/account/").status_code == 200
    other, _ = first_step("marco@example.com")
    later = NOW + 120
    assert post_code(other, code_of(secret, later), at=later).status_code == 200
    assert post_code(other, code_of(new, later), at=later).status_code == 302


def test_guessing_the_first_code_counts_too(cast):
    client = browser(cast.marco)
    client.post(BEGIN)
    secret = secret_on(client.get(SET_UP))
    for number in range(10):
        address = f"192.0.2.{number}"
        response = post_code(client, wrong_code(secret), SET_UP, REMOTE_ADDR=address)
        assert response.status_code == 200
    response = post_code(client, code_of(secret), SET_UP, REMOTE_ADDR="192.0.2.99")
    assert response.status_code == 429
    assert not second_factor.has(cast.marco)


def test_new_codes_and_removal(cast):
    secret, former = with_factor(cast.marco)
    client, there = signed_in(cast.marco, secret), signed_in(cast.marco, secret, NOW + 30)
    made = client.post(CODES)
    codes = codes_on(made)
    assert len(codes) == 10
    assert not set(codes) & set(former)
    assert "no-store" in made["Cache-Control"]
    assert client.post(REMOVE)["Location"] == PAGE
    assert not second_factor.has(cast.marco)
    assert client.get("/account/").status_code == 200
    assert there.get("/account/")["Location"].startswith(LOGIN)
    assert first_step("marco@example.com")[1]["Location"] == "/"


def test_removal_is_refused_and_not_offered_while_it_is_demanded(cast):
    secret, _codes = with_factor(cast.marco)
    client = signed_in(cast.marco, secret)
    demand(cast.research)
    page = client.get(PAGE).content.decode()
    assert REMOVE not in page
    assert "required by your organisation" in page
    assert client.post(REMOVE).status_code == 409
    assert second_factor.has(cast.marco)


@pytest.mark.parametrize("path", [BEGIN, CODES, REMOVE, SET_UP])
def test_each_deed_wants_fresh_authentication_with_the_code(cast, path):
    secret, codes = with_factor(cast.marco)
    client = signed_in(cast.marco, secret)
    if path == SET_UP:
        client.post(BEGIN)
    stale(client)
    response = client.post(path, {"code": "123456"})
    assert response.status_code == 403
    page = response.content.decode()
    assert 'name="code"' in page
    assert second_factor.has(cast.marco)
    later, confirm = NOW + 60, "/account/confirm/"
    for data in (
        {"password": PASSWORD},
        {"password": PASSWORD, "code": ""},
        {"password": PASSWORD, "code": wrong_code(secret, later)},
        {"password": PASSWORD, "code": code_of(secret)},  # the one that signed in
        {"password": "wrong", "code": code_of(secret, later)},
    ):
        with clock(later):
            assert client.post(confirm, {**data, "next": PAGE}).status_code == 200, data
        assert client.post(path, {"code": "1"}).status_code == 403
    with clock(later):
        data = {"password": PASSWORD, "code": code_of(secret, later), "next": PAGE}
        assert client.post(confirm, data)["Location"] == PAGE
    assert client.post(path, {"code": "1"}).status_code != 403
    assert codes


def test_one_confirms_with_a_recovery_code_too(cast):
    secret, codes = with_factor(cast.marco)
    client = stale(signed_in(cast.marco, secret))
    data = {"password": PASSWORD, "code": codes[0], "next": PAGE}
    assert client.post("/account/confirm/", data)["Location"] == PAGE
    assert client.post(CODES).status_code == 200


def test_guessing_codes_where_one_confirms_is_counted(cast):
    secret, _codes = with_factor(cast.marco)
    client = signed_in(cast.marco, secret)
    data = {"password": PASSWORD, "code": wrong_code(secret), "next": PAGE}
    for number in range(10):
        address = f"192.0.2.{number}"
        assert client.post("/account/confirm/", data, REMOTE_ADDR=address).status_code == 200
    response = client.post("/account/confirm/", data, REMOTE_ADDR="192.0.2.99")
    assert response.status_code == 429


@pytest.mark.parametrize("path", [PAGE, BEGIN, SET_UP, CODES, REMOVE])
def test_strangers_are_sent_to_sign_in(db, path):
    client = Client()
    response = client.get(path) if path in (PAGE, SET_UP) else client.post(path)
    assert response["Location"] == f"{LOGIN}?next={path}"


@pytest.mark.parametrize("path", [BEGIN, SET_UP, CODES, REMOVE, VERIFY, ENROL])
def test_every_deed_needs_the_csrf_token(cast, path):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.marco)
    assert client.post(path, {"code": "1"}).status_code == 403


def test_a_secret_that_cannot_be_read_is_an_error_and_recovery_codes_still_work(cast):
    secret, codes = with_factor(cast.marco)
    with_factor(cast.sam)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_totpdevice WHERE user_id = %s", [cast.sam.pk])
        (foreign,) = cursor.fetchone()
        cursor.execute(
            "UPDATE accounts_totpdevice SET secret = %s WHERE user_id = %s",
            [foreign, cast.marco.pk],
        )
    client, _ = first_step("marco@example.com")
    assert post_code(client, code_of(secret)).status_code == 500
    assert post_code(client, codes[0]).status_code == 302
    assert TotpDevice.objects.filter(user=cast.marco).exists()
