"""The choice of colours: kept in a cookie, working without scripts, never a way off this portal."""

import pytest
from django.test import Client

from portal.looks import COOKIE

pytestmark = pytest.mark.django_db


def chosen(client: Client, theme: str, back: str = "/account/login/"):
    return client.post("/theme/", {"theme": theme, "next": back})


def test_the_choice_is_kept_and_shown_on_pages_and_in_the_console(cast, client):
    client.force_login(cast.admin)
    assert "data-theme" not in client.get("/").content.decode()
    for theme in ("dark", "light"):
        answer = chosen(client, theme, "/admin/?team=research")
        assert answer.status_code == 302
        assert answer["Location"] == "/admin/?team=research"
        for page in ("/", "/admin/", "/account/"):
            assert f'data-theme="{theme}"' in client.get(page).content.decode(), page
    chosen(client, "system")
    assert "data-theme" not in client.get("/").content.decode()


def test_it_is_open_to_who_is_not_signed_in(client):
    assert chosen(client, "dark").status_code == 302
    assert client.cookies[COOKIE].value == "dark"
    assert client.cookies[COOKIE]["samesite"] == "Lax"
    assert client.cookies[COOKIE]["httponly"]
    assert 'data-theme="dark"' in client.get("/account/login/").content.decode()


@pytest.mark.parametrize(
    "back",
    ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "\\\\x", ""],
)
def test_it_never_leads_off_this_portal(client, back):
    assert chosen(client, "dark", back)["Location"] == "/"


@pytest.mark.parametrize("theme", ["", "pink", '"><script>'])
def test_an_unknown_theme_is_refused_and_a_forged_cookie_ignored(client, theme):
    assert chosen(client, theme).status_code == 422
    client.cookies[COOKIE] = theme
    assert "data-theme" not in client.get("/account/login/").content.decode()


def test_a_look_at_the_address_changes_nothing_and_forms_need_their_token():
    client = Client(enforce_csrf_checks=True)
    assert client.get("/theme/").status_code == 405
    assert chosen(client, "dark").status_code == 403
