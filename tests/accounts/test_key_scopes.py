"""Every route of the interfaces × every scope: a key with exactly that scope opens what the table says, and no more."""

import re
from pathlib import Path

import pytest
from django.test import Client

from accounts.scopes import EVERY_KEY, SCOPES, expanded, is_for_no_key, required
from portal.api_docs import document
from portal.errors import ERRORS
from portal.route_classes import routes

DOCS = Path(__file__).parents[2] / "docs" / "api-keys.md"
ELSEWHERE = (
    "/api/docs/",
    "/api/auth/",
)  # a page; doors that take passwords, walked by their own tests
NOBODY = "0" * 32  # names no row of any resource


def operations():
    """(method, path) of everything that the document describes."""
    for path, methods in document()["paths"].items():
        for method in methods:
            if not path.startswith(ELSEWHERE):
                yield method.upper(), path


def knock(method, path, plaintext):
    """Whether the scope let it pass; what is behind the door may still say that there is nothing, or not like it."""
    url = re.sub(r"{\w+}", NOBODY if "users" not in path else "0", path)
    answer = getattr(Client(), method.lower())(
        url,
        *(({}, "application/json") if method != "GET" else ()),
        headers={"authorization": f"Bearer {plaintext}"},
    )
    assert answer.status_code < 500 or method == "PUT", (method, path)
    assert answer.status_code != 401, (method, path)
    return answer.status_code != 403


def test_every_operation_has_its_line():
    for method, path in operations():
        required(method, path)


def test_every_route_is_described():
    described = {re.sub(r"{\w+}", "*", path).rstrip("/") for _method, path in operations()}
    for route, _kind, _view in routes():
        path = "/" + re.sub(r"\(\?P<\w+>.*?\)(?=/)|<[^>]+>", "*", route).replace("^", "").rstrip(
            "$"
        )
        path = path.replace("\\Z", "").rstrip("/")
        is_walked = path.startswith(("/api/", "/v1/")) and not f"{path}/".startswith(ELSEWHERE)
        if is_walked and path != "/api/schema":
            assert path in described, route


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_with_one_scope_opens_what_the_table_says(cast, scope):
    plaintext = cast.key(cast.admin, scopes=[scope], requests_per_second=1000)
    for method, path in operations():
        needed = required(method, path)
        opens = needed in expanded([scope]) or f"{method} {path}" in EVERY_KEY
        assert knock(method, path, plaintext) == opens, (scope, method, path, needed)


def test_a_key_without_scopes_opens_all_but_keys(cast):
    plaintext = cast.key(cast.admin, requests_per_second=1000)
    for method, path in operations():
        assert knock(method, path, plaintext) != is_for_no_key(method, path), (method, path)


def test_scopes_never_give_what_the_owner_has_not(cast):
    plaintext = cast.key(cast.marco, scopes=list(SCOPES))
    headers = {"authorization": f"Bearer {plaintext}"}
    for path, body in (
        ("/api/teams/", {"slug": "new", "name": "New"}),
        ("/api/providers/", {"slug": "x", "name": "X", "kind": "offline"}),
        ("/api/projects/", {"slug": "x", "name": "X"}),
    ):
        answer = Client().post(path, body, "application/json", headers=headers)
        assert answer.status_code in (403, 422), path


def test_what_the_table_does_not_know_opens_nothing():
    assert expanded(["gone"]) == {"gone"}
    with pytest.raises(LookupError):
        required("POST", "/api/nowhere/")


def test_each_scope_is_shown_with_what_it_opens(cast):
    client = Client()
    client.force_login(cast.marco)
    page, guide = client.get("/account/keys/").content.decode(), DOCS.read_text()
    description = document()["components"]["securitySchemes"]["key"]["description"]
    for name, scope in SCOPES.items():
        assert f"`{name}`: {scope.words}" in description
        opened = "<br>".join(f"`{one}`" for one in scope.opens)
        assert f"| `{name}` | {scope.words} | {opened} |" in guide
        assert f"<code>{name}</code>" in page
        for one in scope.opens:
            assert f"<code>{one}</code>" in page


def test_the_document_says_which_scope_each_operation_asks():
    paths = document()["paths"]
    asked = paths["/api/projects/{slug}/chat/"]["post"]
    assert asked["x-scope"] == "chat"
    assert "A key needs the scope `chat`." in asked["description"]
    assert "Not for keys." in paths["/api/keys/"]["post"]["description"]
    assert ERRORS["permission_denied"].status == 403
