"""The account pages, as people use them."""

import re

import pytest
from django.test import Client

from accounts.models import Key, User


def browser(user, **options):
    client = Client(**options)
    client.force_login(user)
    return client


def test_the_profile_says_who_one_is_and_in_which_teams(cast):
    page = browser(cast.olivia).get("/account/").content.decode()
    assert "olivia@example.com" in page
    assert re.search(r"Research\s*<span[^>]*>\(owner\)", page)
    assert "Platform admin" in browser(cast.admin).get("/account/").content.decode()


def test_one_changes_ones_name_and_nothing_else(cast):
    client = browser(cast.marco)
    client.post("/account/", {"name": "Marco M.", "is_superuser": "on", "email": "x@example.com"})
    marco = User.objects.get(pk=cast.marco.pk)
    assert (marco.name, marco.email, marco.is_superuser) == ("Marco M.", "marco@example.com", False)


def test_a_restricted_person_changes_their_password_only(cast):
    client = browser(cast.rita)
    page = client.get("/account/").content.decode()
    assert "API keys" not in page
    assert "password/change" in page
    assert client.post("/account/", {"name": "R"}).status_code == 403
    assert client.post("/account/keys/create/", {"name": "x", "days": "30"}).status_code == 403


@pytest.mark.parametrize("path", ["/account/", "/account/keys/", "/account/password/change/"])
def test_strangers_are_sent_to_sign_in_and_back(db, path):
    response = Client().get(path)
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")


def test_a_key_is_shown_once_and_never_cached(cast):
    client = browser(cast.marco)
    made = client.post(
        "/account/keys/create/", {"name": "laptop", "scopes": ["chat"], "days": "30"}
    )
    plaintext = re.search(r"gh_\w{12}_\w{49}", made.content.decode())[0]
    assert "no-store" in made["Cache-Control"]
    headers = {"authorization": f"Bearer {plaintext}"}
    assert Client().get("/api/users/me/", headers=headers).status_code == 200
    listed = client.get("/account/keys/").content.decode()
    assert "laptop" in listed
    assert plaintext not in listed
    key = Key.objects.get()
    assert (key.scopes, key.last_four) == (["chat"], plaintext[-4:])
    assert key.expires_at is not None


@pytest.mark.parametrize(
    "data",
    [
        {"name": "", "days": "30"},
        {"name": "x" * 101, "days": "30"},
        {"name": "x", "days": "31"},
        {"name": "x", "days": "30", "scopes": ["everything"]},
    ],
)
def test_a_form_that_is_not_right_makes_no_key(cast, data):
    response = browser(cast.marco).post("/account/keys/create/", data)
    assert response.status_code == 422
    assert not Key.objects.exists()


def test_one_revokes_ones_own_keys_only(cast):
    cast.key(cast.marco)
    path = f"/account/keys/{Key.objects.get().public_id}/revoke/"
    assert browser(cast.admin).post(path).status_code == 404
    client = browser(cast.marco)
    assert client.get(path).status_code == 405
    assert client.post(path).status_code == 302
    assert Key.objects.get().revoked_at is not None
    assert "revoked" in client.get("/account/keys/").content.decode()


@pytest.mark.parametrize(
    "path", ["/account/", "/account/keys/create/", "/account/logout/", "/account/login/"]
)
def test_every_form_needs_its_token(cast, path):
    client = browser(cast.marco, enforce_csrf_checks=True)
    if path == "/account/login/":
        client = Client(enforce_csrf_checks=True)
    assert client.post(path, {"name": "x"}).status_code == 403


def test_who_is_not_fresh_is_led_to_confirm_before_they_fill_in_a_form(cast):
    client = browser(cast.marco)
    assert "Create key" in client.get("/account/keys/").content.decode()
    session = client.session
    session["fresh_at"] = 0
    session.save()
    page = client.get("/account/keys/").content.decode()
    assert "Create key" not in page
    assert "/account/confirm/?next=%2Faccount%2Fkeys%2F" in page
    sent = client.post("/account/keys/create/", {"name": "x", "days": "30"})
    assert (sent.status_code, "Confirm" in sent.content.decode()) == (403, True)
    assert not Key.objects.exists()


def test_the_key_page_costs_the_same_for_many_keys(cast, django_assert_max_num_queries):
    for _ in range(20):
        cast.key(cast.marco)
    client = browser(cast.marco)
    with django_assert_max_num_queries(10):
        assert client.get("/account/keys/").status_code == 200
