"""Suspension, demotion, a new password, revocation, done in another process: what they end is dead within 5 seconds.

This process has just used each credential and believes it. Running streams: `tests/projects/test_live_sessions.py`.
"""

import subprocess
import time

import pytest
from django.test import Client

from tests import second_process
from tests.accounts.test_impersonation import start
from tests.cast import PASSWORD, build_cast

pytestmark = pytest.mark.django_db(transaction=True)
PROMISE = 5.0
ME = "/api/users/me/"

PROCESS = """
from accounts import actions
from accounts.models import Key, User
from teams import actions as team_actions
from teams.models import Membership
people = {user.email.partition("@")[0]: user for user in User.objects.all()}
admin, marco, olivia = people["admin"], people["marco"], people["olivia"]
other = User(email="other@example.com", is_superuser=True)
other.save()
"""

SESSION, TOKEN, KEY, ACTING = "session", "token", "key", "impersonation"
# What is done, and what is dead after it; everything else goes on.
DEEDS = {
    "suspension": ("actions.deactivate(by=admin, user=marco)", {SESSION, TOKEN, KEY, ACTING}),
    "restriction": (
        "marco.is_restricted = True; actions.save_user(by=admin, user=marco)",
        {SESSION, TOKEN, KEY},
    ),
    "a lesser role": (
        "team_actions.change_role(by=olivia, membership=Membership.objects.get(user=marco), role='viewer')",
        {SESSION, TOKEN},
    ),
    "leaving a team": (
        "team_actions.remove_member(by=olivia, membership=Membership.objects.get(user=marco))",
        {SESSION, TOKEN},
    ),
    "a new password": (
        "actions.set_password(by=marco, user=marco, password='another-long-passphrase-7')",
        {SESSION, TOKEN},
    ),
    "the end of all sessions": ("actions.end_sessions(by=admin, user=marco)", {SESSION, TOKEN}),
    "revocation of the key": ("actions.revoke_key(by=marco, key=Key.objects.get())", {KEY}),
    "suspension of the admin": ("actions.deactivate(by=other, user=admin)", {ACTING}),
    "demotion of the admin": (
        "admin.is_superuser = False; actions.save_user(by=other, user=admin)",
        {ACTING},
    ),
    "a new password of the admin": (
        "actions.set_password(by=admin, user=admin, password='another-long-passphrase-7')",
        {ACTING},
    ),
}


def sign_in(email):
    client = Client()
    client.post("/account/login/", {"login": email, "password": PASSWORD})
    return client


@pytest.fixture
def held(transactional_db):
    """Marco's credentials, and a platform admin who acts as him; each has just been used."""
    cast = build_cast()
    session, acting = sign_in("marco@example.com"), sign_in("admin@example.com")
    assert start(acting, cast.marco).status_code == 302
    body = {"email": "marco@example.com", "password": PASSWORD}
    access = Client().post("/api/auth/token/", body, "application/json").json()["access"]
    key = cast.key(cast.marco)

    def is_marco(client, **headers):
        answer = client.get(ME, headers=headers)
        return answer.status_code == 200 and answer.json()["email"] == "marco@example.com"

    found = {
        SESSION: lambda: is_marco(session),
        TOKEN: lambda: is_marco(Client(), authorization=f"Bearer {access}"),
        KEY: lambda: is_marco(Client(), authorization=f"Bearer {key}"),
        ACTING: lambda: is_marco(acting),
    }
    assert all(lives() for lives in found.values())
    return found


@pytest.mark.parametrize("deed", DEEDS)
def test_what_another_process_ends_is_dead_within_five_seconds(held, deed):
    words, dead = DEEDS[deed]
    subprocess.run(second_process.command(PROCESS + words), check=True, timeout=120)
    until = time.monotonic() + PROMISE
    while (alive := {who for who in dead if held[who]()}) and time.monotonic() < until:
        time.sleep(0.2)
    assert alive == set()
    assert {who for who in held if held[who]()} == set(held) - dead
