"""Fresh authentication: what is sensitive asks once more who one is, and then goes on with what was sent."""

import html
import json
import re

import pytest
from django.test import Client

from accounts.models import Key
from tests.accounts.test_sessions import signed_in
from tests.cast import PASSWORD

CONFIRM = "/account/confirm/"
KEY = {"name": "laptop & more", "scopes": ["chat", "usage:read"], "days": "30"}


def stale(client, seconds=16 * 60):
    """The session as it is so long after the sign-in."""
    session = client.session
    session["fresh_at"] -= seconds
    session.save()
    return client


def test_signing_in_counts_for_fifteen_minutes(cast):
    client = signed_in()
    assert client.post("/account/keys/create/", KEY).status_code == 200
    stale(client, 14 * 60)
    assert client.post("/account/keys/create/", KEY).status_code == 200
    stale(client, 2 * 60)
    assert client.post("/account/keys/create/", KEY).status_code == 403
    assert Key.objects.count() == 2


def test_a_form_that_was_sent_is_kept_and_goes_on_after_the_answer(cast):
    client = stale(signed_in())
    asked = client.post("/account/keys/create/", KEY)
    page = asked.content.decode()
    assert asked.status_code == 403
    assert "no-store" in asked["Cache-Control"]
    again = html.unescape(re.search(r'name="again" value="([^"]*)"', page)[1])
    assert ["name", "laptop & more"] in json.loads(again)
    assert "csrfmiddlewaretoken" not in again
    data = {"password": PASSWORD, "next": "/account/keys/create/", "again": again}
    on = client.post(CONFIRM, data).content.decode()
    assert 'action="/account/keys/create/"' in on
    sent = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', on)
    fields = [(n, html.unescape(v)) for n, v in sent if n != "csrfmiddlewaretoken"]
    assert ("scopes", "chat") in fields
    assert ("scopes", "usage:read") in fields
    made = client.post(
        "/account/keys/create/", {n: [v for m, v in fields if m == n] for n, _ in fields}
    )
    assert made.status_code == 200
    assert Key.objects.get().name == "laptop & more"


def test_without_a_form_it_leads_back_to_the_page(cast):
    client = stale(signed_in())
    response = client.post(CONFIRM, {"password": PASSWORD, "next": "/account/keys/?x=1"})
    assert (response.status_code, response["Location"]) == (302, "/account/keys/?x=1")
    assert client.post("/account/keys/create/", KEY).status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "", "\\\\evil"]
)
def test_it_never_leads_off_this_portal(cast, elsewhere):
    client = signed_in()
    response = client.post(CONFIRM, {"password": PASSWORD, "next": elsewhere})
    assert response["Location"] == "/account/"
    again = json.dumps([["a", "b"]])
    page = client.post(CONFIRM, {"password": PASSWORD, "next": elsewhere, "again": again})
    assert 'action="/account/"' in page.content.decode()


@pytest.mark.parametrize("password", ["wrong", "", " "])
def test_a_wrong_password_confirms_nothing_and_is_counted(cast, password):
    client = stale(signed_in())
    for _ in range(3):
        page = client.post(CONFIRM, {"password": password, "next": "/"})
        assert page.status_code == 200
    assert client.post("/account/keys/create/", KEY).status_code == 403
    for _ in range(11):
        last = client.post(CONFIRM, {"password": "wrong", "next": "/"})
    assert last.status_code == 429


@pytest.mark.parametrize("again", ["{", "7", '{"a": 1}', "[1]", '[["a"]]', '[["a", "b", "c"]]'])
def test_a_kept_form_that_is_none_breaks_nothing(cast, again):
    client = signed_in()
    response = client.post(CONFIRM, {"password": PASSWORD, "next": "/", "again": again})
    assert response.status_code in (200, 302)


def test_what_was_kept_is_text_and_not_markup(cast):
    client = signed_in()
    again = json.dumps([['x"><script>', "</form><script>alert(1)</script>"]])
    page = client.post(
        CONFIRM, {"password": PASSWORD, "next": "/", "again": again}
    ).content.decode()
    assert "<script>alert" not in page
    assert "<script>" not in page


def test_the_api_says_it_in_the_contracts_words_and_a_key_is_never_fresh(cast):
    from django.test import RequestFactory

    from accounts import fresh
    from accounts.authentication import identify
    from portal.errors import Refusal

    request = RequestFactory().get("/", headers=cast.bearer(cast.marco))
    request.session = {"fresh_at": 2**31}
    identify(request)
    with pytest.raises(Refusal, match="fresh_authentication_required"):
        fresh.require(request)


def test_a_stranger_confirms_nothing(db):
    assert Client().post(CONFIRM, {"password": PASSWORD}).status_code == 302
