"""Every route of the URLconf × every kind of person × whose row it is: what they get is what the tables say.

A route without its block fails, and says how it answers now: to be judged before it is written down. What each request
did is undone after it, so that everybody finds the same house.
"""

import re
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.db import transaction
from django.urls import resolve
from drf_spectacular.views import SpectacularAPIView

from accounts import key_use
from audit.strangers import strangers
from portal import api_docs, keyring, recording
from tests.audit import outcomes
from tests.cast import build_cast
from tests.doors import table
from tests.doors.bodies import QUERIES, body_of
from tests.doors.house import NOBODY, RESEARCH, ROUTES, SUPPORT, House
from tests.doors.notation import KINDS, at_the_door, plain, written

pytestmark = pytest.mark.django_db
MD5 = "django.contrib.auth.hashers.MD5PasswordHasher"
# Names in addresses of which nobody has a row, and people who are past the door and do not see all there is.
NAMED = ("object_id", "pk", "slug", "uid", "public_id", "line")
INSIDERS = ("restricted", "viewer", "member", "owner", "custom", "foreign", "confined-key")
# Pages of the console that take nothing: lists, the way to the trail, and the redirection to a row's form.
LOOKED_AT = (
    "/history/",
    "/{object_id}/",
    *(f"/{m._meta.model_name}/" for m in admin.site._registry),
)


@contextmanager
def undone():
    """What is done within is undone; the journey takes it for the transaction of a test case, which it is."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def forget():
    cache.clear()
    for listener in recording._listeners:
        listener("tests")
    keyring.forget()
    key_use.known.forget()


@pytest.fixture(scope="module")
def house(django_db_setup, django_db_blocker):
    """Built once for all routes."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "PASSWORD_HASHERS", [MD5])
        patch.setattr(recording, "after_commit", lambda tell: tell())
        # What the document says is tested elsewhere, and is slow to write sixteen times.
        document = api_docs.document()
        patch.setattr(SpectacularAPIView.generator_class, "get_schema", lambda *_, **__: document)
        with undone():
            house = House(build_cast())
            assert set(house.people) == set(KINDS)
            yield house
    forget()


def ask(house, person, method, path, body):
    """What this person gets; whatever they did is undone."""
    strangers.forget()
    with undone():
        since = outcomes.last_id()
        answer = house.people[person].ask(method, path, body)
        if answer.streaming:
            b"".join(answer.streaming_content)
        outcomes.judge(method, path, answer, since)
    cache.clear()
    if method != "GET" and answer.status_code < 400:
        forget()  # what was done is heard of, and that it is undone
    return answer


def methods_of(route, view):
    if route.startswith("admin/") and route.endswith(LOOKED_AT):
        return ["GET"]
    actions = getattr(view, "actions", None)
    if actions:
        allowed = view.cls.http_method_names
        return [method.upper() for method in actions if method in allowed and method != "head"]
    door = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if door is None:
        return ["GET", "POST"]
    return [m.upper() for m in ("get", "post", "patch", "delete") if hasattr(door, m)]


def asked(house, route):
    """(method, whose, body) of all that is walked here; once where it is the same for both teams."""
    for method in methods_of(route, ROUTES[route]):
        bodies = [
            None if method == "GET" else body_of(house, method, route, whose)
            for whose in (RESEARCH, SUPPORT)
        ]
        paths = {address(house, route, whose) for whose in (RESEARCH, SUPPORT)}
        if len(paths) == 1 and bodies[0] == bodies[1]:
            yield method, "", bodies[0]
        else:
            yield method, RESEARCH, bodies[0]
            yield method, SUPPORT, bodies[1]


def address(house, route, whose):
    path = "/" + route.lstrip("/").format(**house.arguments(route, whose or RESEARCH))
    query = QUERIES[route](house, whose or RESEARCH) if route in QUERIES else {}
    return f"{path}?{urlencode(query)}" if query else path


def found(house, route):
    """(what everybody gets, how it is put to whom something is not there).

    Who comes no further than the door is not asked about a second row.
    """
    lines, unseen = {}, {}
    for method, whose, body in asked(house, route):
        closed = at_the_door(route, method, table.DOORS) if whose == SUPPORT else {}
        path = address(house, route, whose)
        line = lines[method, whose] = dict(closed)
        for person in KINDS:
            if person not in closed:
                answer = ask(house, person, method, path, body)
                line[person] = answer.status_code
                if answer.status_code == 404 and person in INSIDERS:
                    unseen.setdefault((method, person), (body, set()))[1].add(wording(answer, path))
    return lines, unseen


def wording(answer, path):
    """What is said, without what differs each time."""
    text = answer.content.decode().replace(path, "")
    return re.sub(r'req_[0-9a-f]+|csrfmiddlewaretoken" value="\w+', "", text)


def test_no_row_is_without_its_route():
    assert set(table.EXPECTED) <= set(ROUTES)


def test_every_address_leads_to_its_route(house):
    for route in ROUTES:
        met = resolve(address(house, route, "").partition("?")[0]).route
        assert plain(met) == route


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_answers_everybody_as_its_row_says(house, route):
    """And what one does not see is answered like what there is not: to the letter, so that nobody learns what exists."""
    lines, unseen = found(house, route)
    now = f"it answers now:\n\n{written(route, lines, table.DOORS)}"
    assert route in table.EXPECTED, f"no row; {now}"
    expected = table.EXPECTED[route]
    assert set(lines) == set(expected), now
    wrong = {
        (*asked, kind): (status, expected[asked][kind])
        for asked, line in lines.items()
        for kind, status in line.items()
        if status != expected[asked][kind]
    }
    assert not wrong, f"(found, expected): {wrong}; {now}"
    assert not [status for line in lines.values() for status in line.values() if status >= 500]
    if not any(f"{{{name}}}" in route for name in NAMED):
        return
    path = address(house, route, NOBODY)
    for (method, person), (body, said) in unseen.items():
        answer = ask(house, person, method, path, body)
        assert said == {wording(answer, path)}, (method, person)
        assert answer.status_code == 404, (method, person)
