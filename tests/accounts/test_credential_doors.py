"""Every door there is × every kind of credential and person. A door without a row, or a row without a door, fails.

`ROWS` says by the beginning of a route what kind of door it is; `PUBLIC` lists each route that anybody may knock at;
`TAKING` each that takes a secret in what is sent, with what becomes of each kind of person there.
"""

import base64
import json
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import actions, token_actions
from accounts.actions import end_sessions
from accounts.links import password_link
from accounts.models import Key, User
from accounts.scopes import SCOPES
from portal.context import Actor, acting
from portal.route_classes import RouteClass, routes
from tests.accounts.codes import (
    NOW,
    clock,
    code_of,
    demand,
    forget,
    pending,
    secret_on,
    with_factor,
)
from tests.accounts.test_impersonation import start
from tests.accounts.test_impersonation_doors import ROUTES
from tests.cast import PASSWORD

LOGIN, VERIFY = "/account/login/", "/account/second-factor/verify/"
DAY = timedelta(days=1)
SET_UP, CHANGE = "/account/second-factor/set-up/", "/account/password/change/"
ENROL, ENROLMENT = "/account/second-factor/enrol/", "/account/second-factor/"

# What kind of door a route is, by how it begins; the longest beginning counts.
ROWS = {
    "admin/": "console",
    "api/": "interface",
    "api/docs/": "page",
    "api/schema/": "interface, open",
    "v1/": "bearer interface",
    "account/": "page",
    "permissions/": "interface",
    "playground/": "page",
    "": "page",
    # what shows nothing of anybody, and what answers a form or a link of its own
    **dict.fromkeys(
        (
            "healthz",
            "readyz",
            "csp-report/",
            "theme/",
            "widget/",
            "account/login/",
            "account/closed/",
            "account/password/reset/",
            "account/second-factor/verify/",
            "account/second-factor/enrol/",
            "account/logout/",
            "admin/logout/",
            "branding/",
            "api/auth/token/",
        ),
        "public",
    ),
}
# Every route that anybody may knock at, by name, and the secret that it takes: a line of `TAKING`, or in words.
NOTHING, SESSION_OF = "nothing", "a session"
PUBLIC = {
    **dict.fromkeys(("healthz", "readyz", "csp-report/", "theme/"), NOTHING),
    **dict.fromkeys(
        ("widget/loader.js", r"widget/loader\.(?P<version>[0-9a-f]{12})\.js$"), NOTHING
    ),
    "widget/v1/session": "a widget's public key",
    "widget/v1/logo/<slug:public_id>/<slug:version>.<slug:kind>": "a widget's public key",
    "widget/v1/chat": "a visitor's session",
    **{f"account/closed/{name}/": NOTHING for name in ("email", "inactive", "reauthenticate")},
    **{f"account/closed/{name}/": NOTHING for name in ("set_password", "signup")},
    **dict.fromkeys(("account/logout/", "account/password/reset/done/"), NOTHING),
    "account/password/reset/key/done/": NOTHING,
    "account/login/": "page",
    "account/second-factor/verify/": "verify",
    "account/second-factor/enrol/": "enrol",
    "account/password/reset/": "reset",
    r"account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "link",
    "account/confirm/": "confirm",
    "account/password/change/": "change",
    "account/second-factor/set-up/": "set-up",
    "api/auth/token/": "token",
    "api/auth/token/refresh/": "refresh",
    **{
        f"account/{name}": SESSION_OF
        for name in (
            *("", "impersonation/end/", "keys/", "keys/create/", "notices/"),
            *("keys/<str:public_id>/revoke/", "keys/<str:public_id>/rotate/"),
            *("programs/<str:uid>/end/", "sessions/", "sessions/<str:uid>/end/"),
            *("sessions/others/end/", "second-factor/", "second-factor/begin/"),
            *("second-factor/codes/", "second-factor/remove/"),
            "teams/<slug:slug>/leave/",
        )
    },
}
# Not public, and taking a secret in what is sent all the same.
PROVING = {"api/auth/fresh/": "fresh", "api/auth/logout/": SESSION_OF}


def kind_of(route):
    route = route.removeprefix("^")
    found = max((row for row in ROWS if route.startswith(row)), key=len)
    assert found or not route, f"{route} has no row"
    return ROWS[found]


def test_every_public_route_and_every_door_of_signing_in_has_its_line():
    classes = {route.removeprefix("^"): kind for route, kind, _view in routes()}
    public = {route for route, kind in classes.items() if kind is RouteClass.PUBLIC}
    assert public == set(PUBLIC)
    signing_in = {route for route in classes if route.startswith(("account/", "api/auth/"))}
    assert signing_in - public == set(PROVING)
    taking = {line for line in (*PUBLIC.values(), *PROVING.values()) if " " not in line}
    assert taking - {NOTHING} == {door.partition(" ")[0] for door in TAKING} - {"basic"}


def test_every_door_has_a_row_and_every_row_a_door():
    found = {route.removeprefix("^") for route, _path, _name in ROUTES}
    assert all(kind_of(route) for route in found)
    for row in ROWS:
        assert any(route.startswith(row) for route in found), row


# Credentials that come with a request.


class Presented:
    """A browser with a session, or headers."""

    def __init__(self, client=None, **headers):
        self.client = client or Client()
        self.headers = headers

    def ask(self, path, method="get"):
        return getattr(self.client, method)(path, headers=self.headers)


def _session(user):
    client = Client()
    client.force_login(user)
    return Presented(client)


def _key(user, **options):
    def present(cast):
        return Presented(**cast.bearer(getattr(cast, user), **options))

    return present


def _changed_key(change):
    def present(cast):
        shown = Presented(**cast.bearer(cast.marco))
        change(Key.objects.get())
        return shown

    return present


def _revoked(key):
    key.revoked_at = timezone.now()
    key.save()


def _expired(key):
    key.expires_at = timezone.now() - timedelta(seconds=1)
    key.save()


def _flag(name, **flags):
    def change(key):
        User.objects.filter(pk=key.user_id).update(**flags)

    return change


def _rotated(cast, *, overlap, twice=False, newest=False):
    """The older secret of a rotated key, or the newest one."""
    older = cast.key(cast.marco)
    for _ in range(2 if twice else 1):
        _key, plaintext = actions.rotate_key(by=cast.marco, key=Key.objects.get(), overlap=overlap)
    return Presented(authorization=f"Bearer {plaintext if newest else older}")


def _tokens(email="marco@example.com", **more):
    body = {"email": email, "password": PASSWORD, **more}
    response = Client().post("/api/auth/token/", body, "application/json")
    assert response.status_code == 200, response.content
    return response.json()


def _token(access):
    return Presented(authorization=f"Bearer {access}")


def _older_epoch(cast):
    shown = _token(_tokens()["access"])
    end_sessions(by=cast.marco, user=cast.marco)
    return shown


def _ended_family(cast):
    got = _tokens()
    headers = {"authorization": f"Bearer {got['access']}"}
    Client().post("/api/auth/logout/", headers=headers)
    return Presented(**headers)


def _token_of_deactivated(cast):
    shown = _token(_tokens()["access"])
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    return shown


def _token_before_the_factor(cast):
    """The person set a second factor up in the meantime, without the epoch that this raises."""
    shown = _token(_tokens()["access"])
    epoch = User.objects.get(pk=cast.marco.pk).session_epoch
    with_factor(cast.marco)
    User.objects.filter(pk=cast.marco.pk).update(session_epoch=epoch)
    return shown


def _demanded(present):
    def then(cast):
        shown = present(cast)
        demand(cast.research)
        forget()
        return shown

    return then


def _session_with_factor(cast):
    secret, _codes = with_factor(cast.marco)
    client = Client()
    client.post(LOGIN, {"login": "marco@example.com", "password": PASSWORD})
    with clock():
        client.post(VERIFY, {"code": code_of(secret)})
    return Presented(client)


def _session_round_the_factor(cast):
    with_factor(cast.marco)
    return _session(User.objects.get(pk=cast.marco.pk))


def _half_way(cast):
    """The password was right; the code has not come yet."""
    with_factor(cast.marco)
    client = Client()
    client.post(LOGIN, {"login": "marco@example.com", "password": PASSWORD})
    return Presented(client)


def _deactivated_session(cast):
    shown = _session(cast.marco)
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    return shown


def _impersonating(cast):
    shown = _session(cast.admin)
    assert start(shown.client, cast.marco).status_code == 302
    return shown


def _basic(cast):
    pair = base64.b64encode(f"marco@example.com:{PASSWORD}".encode()).decode()
    return Presented(authorization=f"Basic {pair}")


def _widget_token(cast):
    from widget.models import Widget

    widget = Widget.objects.create(project=cast.assistant, name="w")
    body = {"key": widget.public_id}
    got = Client().post("/widget/v1/session", body, "application/json", headers={"origin": ""})
    return Presented(authorization=f"Bearer {got.json().get('token', 'none')}")


# (pages, interfaces, /v1): *in*; *out*: 401, or to the sign-in; *held*: 401 second_factor_required, or to enrolment.
IN, OUT, HELD = "in", "out", "held"
EVERYWHERE, NOWHERE = (IN, IN, IN), (OUT, OUT, OUT)
SESSION, BEARER = (IN, IN, OUT), (OUT, IN, IN)
CREDENTIALS = {
    "nothing": (lambda cast: Presented(), NOWHERE),
    "session": (lambda cast: _session(cast.marco), SESSION),
    "session of a restricted person": (lambda cast: _session(cast.rita), SESSION),
    "session of a platform admin": (lambda cast: _session(cast.admin), SESSION),
    "session of a deactivated person": (_deactivated_session, NOWHERE),
    "session with the second factor": (_session_with_factor, SESSION),
    "session round the second factor": (
        _session_round_the_factor,
        (OUT, f"{HELD} or {OUT}", f"{HELD} or {OUT}"),
    ),
    "password without the code": (_half_way, NOWHERE),
    "session that owes a factor": (
        _demanded(lambda cast: _session(cast.marco)),
        (HELD, HELD, HELD),
    ),
    "session that impersonates": (_impersonating, SESSION),
    "key": (_key("marco"), BEARER),
    **{f"key that may {scope}": (_key("marco", scopes=[scope]), BEARER) for scope in SCOPES},
    "key whose owner owes a factor": (_demanded(_key("marco")), BEARER),
    "expired key": (_changed_key(_expired), NOWHERE),
    "revoked key": (_changed_key(_revoked), NOWHERE),
    "key of a deactivated person": (_changed_key(_flag("off", is_active=False)), NOWHERE),
    "key of a restricted person": (_changed_key(_flag("on", is_restricted=True)), NOWHERE),
    "rotated key": (lambda cast: _rotated(cast, overlap=DAY, newest=True), BEARER),
    "older secret, in the overlap": (lambda cast: _rotated(cast, overlap=DAY), BEARER),
    "older secret, without overlap": (lambda cast: _rotated(cast, overlap=0 * DAY), NOWHERE),
    "older secret, rotated twice": (lambda cast: _rotated(cast, overlap=DAY, twice=True), NOWHERE),
    "token": (lambda cast: _token(_tokens()["access"]), BEARER),
    "token that may chat": (lambda cast: _token(_tokens(scopes=["chat"])["access"]), BEARER),
    "token of a restricted person": (
        lambda cast: _token(_tokens("rita@example.com")["access"]),
        BEARER,
    ),
    "refresh token as access": (lambda cast: _token(_tokens()["refresh"]), NOWHERE),
    "token of an older epoch": (_older_epoch, NOWHERE),
    "token of an ended family": (_ended_family, NOWHERE),
    "token of a deactivated person": (_token_of_deactivated, NOWHERE),
    "token from before the second factor": (_token_before_the_factor, (OUT, HELD, HELD)),
    "token whose owner owes a factor": (
        _demanded(lambda cast: _token(_tokens()["access"])),
        (OUT, HELD, HELD),
    ),
    "password with each request": (_basic, NOWHERE),
    "a widget's visitor": (_widget_token, NOWHERE),
    "something else": (lambda cast: Presented(authorization="Bearer nonsense"), NOWHERE),
    "another scheme": (lambda cast: Presented(authorization="Digest abc"), NOWHERE),
}
PLACE = {"page": 0, "console": 0, "interface": 1, "bearer interface": 2}
# They lead to what is not theirs to answer: enrolment itself, and what ends a session.
NOT_ASKED = {"account_confirm", "account_logout", "auth_logout", "account_end_impersonation"}


def outcome(response):
    """What the door made of the credential; what one may do behind it is asked elsewhere."""
    assert response.status_code < 500, response
    if response.status_code == 401:
        code = response.json()["error"]["code"]
        return HELD if code == "second_factor_required" else OUT
    leads = response.get("Location", "") if response.status_code == 302 else ""
    if leads.startswith((LOGIN, "/admin/login/")):
        return OUT
    return HELD if leads.startswith(ENROLMENT) else IN


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_opens_what_its_row_says_and_nothing_else(cast, name):
    present, expected = CREDENTIALS[name]
    shown = present(cast)
    wrong, asked = [], 0
    for route, path, view in ROUTES:
        kind = kind_of(route)
        if (
            kind not in PLACE
            or view in NOT_ASKED
            or (view or "").startswith(("account_factor", "account_second"))
        ):
            continue
        response = shown.ask(path)
        if (
            response.status_code == 405
        ):  # a door for forms and programs: nothing is sent, so nothing is done
            response = shown.ask(path, "post")
            if name == "session that impersonates" and response.status_code == 403:
                continue  # it only looks: what is sent is refused before anybody is asked for
        asked += 1
        found = outcome(response)
        if found not in expected[PLACE[kind]].split(" or "):
            wrong.append((path, found, response.status_code))
    assert not wrong, wrong
    assert asked > 100


# Doors that take a secret in what is sent.

PEOPLE = ("plain", "enrolled", "owing", "restricted", "deactivated", "unknown")


@pytest.fixture
def person(request, cast):
    """Their e-mail, and the code of who has a second factor."""
    users = {
        "plain": cast.marco,
        "enrolled": cast.olivia,
        "owing": cast.sam,
        "restricted": cast.rita,
    }
    users["deactivated"] = cast.vera
    user = users.get(request.param)
    code = ""
    if request.param == "enrolled":
        code = code_of(with_factor(user)[0])
    if request.param == "owing":
        demand(cast.support)
    if request.param == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    forget()
    return request.param, user.email if user else "nobody@example.com", code


def by_page(email, password, code):
    """In, out, or at which step: the sign-in of people, the console's included."""
    client = Client()
    response = client.post(LOGIN, {"login": email, "password": password})
    if response.status_code == 302 and response["Location"] == VERIFY and code:
        with clock():
            response = client.post(VERIFY, {"code": code})
    if client.session.get("_auth_user_id"):
        return IN
    return response.get("Location") or OUT


def by_token(email, password, code):
    body = {"email": email, "password": password} | ({"code": code} if code else {})
    with clock():
        response = Client().post("/api/auth/token/", body, "application/json")
    return IN if response.status_code == 200 else response.json()["error"]["code"]


def by_basic(email, password, code):
    pair = base64.b64encode(f"{email}:{password}".encode()).decode()
    response = Client().get("/api/users/me/", headers={"authorization": f"Basic {pair}"})
    return IN if response.status_code == 200 else response.json()["error"]["code"]


def by_refresh(email, password, code):
    """A token of the person from before: what has happened to them since decides."""
    user = User.objects.filter(email=email).first()
    if user is None or password != PASSWORD:
        return refusal(Client().post(REFRESH, {"refresh": "ghr_" + "0" * 130}, "application/json"))
    with acting(Actor("user", str(user.pk), user.email)):
        issued = token_actions.sign_in(by=user, name="", scopes=[], mfa=bool(code))
    return refusal(Client().post(REFRESH, {"refresh": issued.refresh}, "application/json"))


def by_reset(email, password, code):
    """The page never tells; whoever exists and is active is mailed a link, and nobody is signed in."""
    mail.outbox.clear()
    client = Client()
    answer = client.post("/account/password/reset/", {"email": email})
    assert answer["Location"] == "/account/password/reset/done/"
    assert "_auth_user_id" not in client.session
    return "mailed" if any("/reset/key/" in message.body for message in mail.outbox) else OUT


def by_link(email, password, code):
    """A link that was made before; a new password signs nobody in, whatever else they have."""
    user = User.objects.filter(email=email).first()
    path = "/account/password/reset/key/zz-none/"
    if user is not None:
        path = "/" + password_link(user).split("/", 3)[3]
    client = Client()
    page = client.get(path, follow=True)
    where = page.redirect_chain[-1][0] if page.redirect_chain else path
    new = {"password1": password or "x", "password2": password or "x"}
    answer = client.post(where, new)
    assert "_auth_user_id" not in client.session
    return "set" if answer.status_code == 302 else OUT


def refusal(answer):
    return IN if answer.status_code == 200 else answer.json()["error"]["code"]


WRONG, OWES = "invalid_credentials", "second_factor_required"
REFRESH = "/api/auth/token/refresh/"
SIGN_INS = {
    "page": (by_page, OUT),
    "token": (by_token, WRONG),
    "basic": (by_basic, WRONG),
    "refresh": (by_refresh, WRONG),
}
_SAME = dict(deactivated=WRONG, unknown=WRONG)
TAKING = {
    "page": dict(plain=IN, enrolled=IN, owing=ENROL, restricted=IN, deactivated=OUT, unknown=OUT),
    "page without code": dict(enrolled=VERIFY),
    "token": dict(plain=IN, enrolled=IN, owing=OWES, restricted=IN, **_SAME),
    "token without code": dict(enrolled=OWES),
    "basic": dict(plain=IN, enrolled=WRONG, owing=WRONG, restricted=IN, **_SAME),
    "refresh": dict(plain=IN, enrolled=IN, owing=OWES, restricted=IN, **_SAME),
    "refresh without code": dict(enrolled=OWES),
    "reset": dict.fromkeys(("plain", "enrolled", "owing", "restricted"), "mailed")
    | dict(deactivated=OUT, unknown=OUT),
    "link": dict.fromkeys(("plain", "enrolled", "owing", "restricted"), "set")
    | dict(deactivated=OUT, unknown=OUT),
    # Steps behind a first one, each with tests of its own below: who came so far is in only with all that they have.
    **{door: {} for door in ("verify", "enrol", "confirm", "change", "set-up", "fresh")},
}


@pytest.mark.parametrize("person", PEOPLE, indirect=True)
@pytest.mark.parametrize(("door", "knock"), [("reset", by_reset), ("link", by_link)])
def test_a_reset_signs_nobody_in_and_tells_nothing(cast, settings, door, knock, person):
    settings.BASE_URL = "http://127.0.0.1:8000"
    kind, email, code = person
    assert knock(email, "a-new-and-long-password-7", code) == TAKING[door][kind]


@pytest.mark.parametrize("person", PEOPLE, indirect=True)
@pytest.mark.parametrize("path", [VERIFY, ENROL, SET_UP, CHANGE])
def test_a_later_step_is_closed_to_who_did_not_take_the_first(cast, path, person):
    _kind, email, code = person
    client = Client()
    client.post(LOGIN, {"login": email, "password": "wrong"})
    sent = {"code": code or "123456", "oldpassword": PASSWORD}
    with clock():
        answer = client.post(path, {**sent, "password1": "x" * 20, "password2": "x" * 20})
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("person", PEOPLE, indirect=True)
@pytest.mark.parametrize("door", SIGN_INS)
def test_a_door_that_takes_a_password_answers_as_its_line_says(cast, settings, door, person):
    settings.BASIC_AUTH = True
    kind, email, code = person
    sign_in, refused = SIGN_INS[door]
    if code:
        bare = TAKING.get(f"{door} without code", {}).get(kind)
        if bare:
            assert sign_in(email, PASSWORD, "") == bare
    assert sign_in(email, PASSWORD, code) == TAKING[door][kind]
    assert sign_in(email, "wrong", code) == refused
    assert sign_in(email, "", code) in (refused, "validation_failed")


def test_basic_is_closed_unless_it_is_opened(cast):
    assert by_basic("marco@example.com", PASSWORD, "") == WRONG


@pytest.mark.parametrize("path", ["/api/auth/fresh/", "/account/confirm/"])
@pytest.mark.parametrize("enrolled", [True, False])
def test_proving_once_more_takes_all_that_one_has(cast, path, enrolled):
    shown = _session_with_factor(cast) if enrolled else _session(cast.marco)
    session = shown.client.session
    session["fresh_at"] -= 86400
    session.save()

    def prove(**sent):
        if path.startswith("/api/"):
            body = json.dumps(sent)
            answer = shown.client.post(path, body, "application/json")
            return answer.status_code == 200
        return shown.client.post(path, {"next": "/", **sent}).status_code == 302

    assert not prove(password="wrong", code="000000")
    if enrolled:
        assert not prove(password=PASSWORD)
        secret = cast.marco.totpdevice_set.get().secret
        with clock(NOW + 60):
            assert not prove(password="wrong", code=code_of(secret, NOW + 60))
            assert prove(password=PASSWORD, code=code_of(secret, NOW + 60))
            assert not prove(password=PASSWORD, code=code_of(secret, NOW + 60))
    else:
        assert prove(password=PASSWORD)


def test_who_is_led_through_enrolment_is_in_only_with_a_code(cast):
    demand(cast.support)
    forget()
    client = Client()
    client.post(LOGIN, {"login": "sam@example.com", "password": PASSWORD})
    page = client.get(ENROL)
    assert "_auth_user_id" not in client.session
    assert client.get("/").status_code == 302
    with clock():
        client.post(ENROL, {"code": ""})
        assert "_auth_user_id" not in client.session
        assert pending(cast.sam) is not None
        client.post(ENROL, {"code": code_of(secret_on(page))})
    assert client.get("/admin/").status_code == 200
