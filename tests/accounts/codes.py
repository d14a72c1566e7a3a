"""An authenticator app for the tests, and people who have one."""

import re
from base64 import b32decode
from contextlib import contextmanager
from unittest import mock

from django.test import Client
from django_otp.oath import hotp

from accounts import factor_actions, second_factor
from accounts.models import TotpDevice
from accounts.models import second_factor as devices
from portal.context import Actor, acting
from tests.cast import PASSWORD

LOGIN = "/account/login/"
VERIFY, ENROL = "/account/second-factor/verify/", "/account/second-factor/enrol/"
PAGE, SET_UP = "/account/second-factor/", "/account/second-factor/set-up/"
WRONG_CODES = ("000000", "ABCD-ABCD-ABCD-ABCD")
BEGIN, CODES, REMOVE = f"{PAGE}begin/", f"{PAGE}codes/", f"{PAGE}remove/"
NOW = 1_800_000_000  # the beginning of a step


def code_of(secret, at=NOW):
    """What an app with this secret shows at this second."""
    return f"{hotp(b32decode(secret.replace(' ', '')), int(at) // 30, 6):06d}"


def wrong_code(secret, at=NOW):
    """Six digits that no step near this second has."""
    near = {code_of(secret, at + 30 * step) for step in range(-3, 4)}
    return next(code for code in ("000000", "000001", "000002", "000003") if code not in near)


@contextmanager
def clock(at=NOW):
    """The devices' own clock stands still."""
    with mock.patch.object(devices, "clock", return_value=at):
        yield


def with_factor(user, at=NOW - 600):
    """(secret, recovery codes) of a person who set an app up ten minutes ago."""
    with acting(Actor("user", str(user.pk), user.email)), clock(at):
        device = factor_actions.enrol(by=user, user=user)
        codes = factor_actions.confirm(
            by=user, user=user, device=device, code=code_of(device.secret, at)
        )
    return device.secret, codes


def first_step(email, client=None, password=PASSWORD, **extra):
    client = client or Client()
    return client, client.post(LOGIN, {"login": email, "password": password}, **extra)


def signed_in(user, secret, at=NOW):
    """A browser that went through both steps."""
    client, _ = first_step(user.email)
    with clock(at):
        response = client.post(VERIFY, {"code": code_of(secret, at)})
    assert response.status_code == 302, response.content
    return client


def secret_on(page):
    return re.search(r'id="factor-secret">([A-Z2-7 ]+)<', page.content.decode())[1]


def codes_on(page):
    return re.findall(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b", page.content.decode())


def forget():
    """What this process believes of people, when settings change under it."""
    second_factor._known.clear("tests")


def pending(user):
    return TotpDevice.objects.get(user=user, confirmed=False)


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def stale(client):
    """The session's last proof was a day ago."""
    session = client.session
    session["fresh_at"] -= 86400
    session.save()
    return client


def post_code(client, code, path=VERIFY, at=NOW, **extra):
    with clock(at):
        return client.post(path, {"code": code}, **extra)


def demand(team, on=True):
    team.second_factor_required = on
    team.save()
