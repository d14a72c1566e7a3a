"""What `docs/identity.md` says is what happens: its requests are sent, its variables exist, its figures are the defaults."""

import json
import re

from django.conf import settings
from django.test import Client

from portal.environment import ROOT
from portal.platform_settings import SETTINGS
from tests.accounts.codes import clock, code_of, with_factor
from tests.cast import PASSWORD

GUIDE = (ROOT / "docs" / "identity.md").read_text()


def sent(path):
    """The body that the guide sends there."""
    found = re.search(re.escape(path) + r".*?-d '(\{.*?\})'", GUIDE, re.S)
    return json.loads(found[1])


def test_its_requests_sign_in_refresh_and_sign_out(cast):
    secret, _codes = with_factor(cast.marco)
    body = sent("/api/auth/token/ ") | {"password": PASSWORD, "code": code_of(secret)}
    with clock():
        answer = Client().post("/api/auth/token/", body, "application/json")
    got = answer.json()
    shown = json.loads(re.search(r"^# (\{.*\})$", GUIDE, re.M)[1])
    assert answer.status_code == 200
    assert set(got) == set(shown)
    assert (got["expires_in"], got["token_type"]) == (shown["expires_in"], shown["token_type"])
    again = sent("/api/auth/token/refresh/ ") | {"refresh": got["refresh"]}
    refreshed = Client().post("/api/auth/token/refresh/", again, "application/json").json()
    headers = {"authorization": f"Bearer {refreshed['access']}"}
    assert Client().get("/v1/models", headers=headers).status_code == 200
    assert Client().post("/api/auth/logout/", headers=headers).status_code == 204
    assert Client().get("/v1/models", headers=headers).status_code == 401


def test_its_variables_are_those_of_the_sample():
    sample = (ROOT / "deploy" / "env.sample").read_text()
    named = set(re.findall(r"PORTAL_[A-Z_]+", GUIDE))
    assert len(named) >= 7
    assert {name for name in named if f"\n{name}=" not in sample} == set()


def test_its_figures_are_the_defaults():
    assert (settings.SESSION_IDLE_S, settings.SESSION_COOKIE_AGE) == (3600, 12 * 3600)
    assert (settings.FRESH_S, SETTINGS["failed_sign_ins"].default) == (900, 10)
    assert (settings.TOKEN_S, settings.REFRESH_DAYS) == (900, 30)


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).is_file(), target
