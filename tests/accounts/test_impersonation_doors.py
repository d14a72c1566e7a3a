"""Every route there is, while a platform admin acts as somebody else. A new route is walked by being there."""

import re

import pytest
from django.urls import Resolver404, get_resolver, resolve
from django.urls.resolvers import URLPattern

from accounts.models import Impersonation
from audit.models import Entry
from tests.accounts.test_impersonation import browser, start

UNSAFE = ("post", "put", "patch", "delete")
PASS = {"account_end_impersonation", "account_logout", "theme"}
WORDS = re.compile(rb"to look, not to change anything|stays closed to you")
EXAMPLES = {
    "slug": "assistant",
    "uid": "0" * 32,
    "public_id": "0" * 12,
    "uidb36": "1",
    "key": "set-password",
    "version": "0" * 12,
    "app_label": "portal",
}


def patterns(entries=None, before=""):
    for entry in get_resolver().url_patterns if entries is None else entries:
        own = str(entry.pattern)
        route = before + (own.removeprefix("^") if before else own)
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from patterns(entry.url_patterns, route)


def path_of(route):
    """An address that leads to this route."""

    def example(match):
        return EXAMPLES.get(match[1], "1")

    path = route.removeprefix("^").replace("\\Z", "").removesuffix("$")
    path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", example, path)
    path = re.sub(r"<(?:\w+:)?(\w+)>", example, path)
    return "/" + path.replace("\\.", ".").replace("/?", "/").replace("\\", "")


ROUTES = [(route, path_of(route), pattern.name) for route, pattern in patterns()]


def walked(route, path):
    try:
        return resolve(path).route == route
    except Resolver404:
        return False


def test_the_walk_meets_every_route():
    assert [route for route, path, _name in ROUTES if not walked(route, path)] == []
    assert len(ROUTES) > 120


@pytest.mark.parametrize("person", ["olivia", "auditor", "rita"])
def test_looking_no_unsafe_request_gets_through(cast, person):
    client = browser(cast.admin)
    start(client, getattr(cast, person))
    for _route, path, name in ROUTES:
        for method in UNSAFE:
            if name in PASS and method == "post":
                continue
            answer = getattr(client, method)(path)
            closed = (405, 403) if name in PASS else (403,)
            assert answer.status_code in closed, (method, path, answer.status_code)
            if answer.status_code == 403:
                assert WORDS.search(answer.content), (method, path)
    assert Impersonation.objects.get().ended_at is None
    done = Entry.objects.filter(action="acted_while_impersonating")
    assert not done.exists()


def test_acting_everything_of_the_account_is_closed_to_every_method(cast):
    client = browser(cast.admin)
    start(client, cast.olivia, may_write="on")
    walk = [
        (path, name)
        for route, path, name in ROUTES
        if path.startswith(("/account/", "/api/auth/", "/api/keys/"))
    ]
    assert len(walk) > 15
    for path, name in walk:
        for method in (*UNSAFE, "get"):
            if name in PASS:
                continue
            answer = getattr(client, method)(path)
            assert answer.status_code == 403, (method, path)
            assert b"stays closed to you" in answer.content, (method, path)


@pytest.mark.parametrize("person", ["olivia", "marco", "auditor"])
def test_every_page_shows_the_banner_and_is_noted(cast, person):
    client = browser(cast.admin)
    start(client, getattr(cast, person))
    pages = 0
    for _route, path, name in ROUTES:
        if name in ("account_end_impersonation", "theme"):
            continue
        answer = client.get(path)
        is_page = "text/html" in answer.get("Content-Type", "") and answer.content
        if not is_page or answer.status_code in (301, 302):
            continue
        pages += 1
        page = answer.content.decode()
        assert page.count('class="acting-as"') == 1, (path, answer.status_code)
        assert getattr(cast, person).email in page
        assert 'action="/account/impersonation/end/"' in page
        if answer.status_code == 200 and name != "account_logout":
            assert Entry.objects.filter(path=path, action__endswith="_while_impersonating").exists()
    assert pages > 60
    assert b'class="acting-as"' in client.get("/nowhere/").content
    client.post("/account/impersonation/end/")
    for path in ("/", "/admin/", "/account/"):
        assert b"acting-as" not in client.get(path).content
