"""What a request may be at all: refused in the contract's words before anything of it is parsed."""

import json
import re
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from rest_framework.exceptions import APIException, NotAcceptable

from portal.errors import as_refusal
from portal.request_limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_QUERY_BYTES

pytestmark = pytest.mark.django_db
API = "/api/projects/assistant/chat/"
JSON = "application/json"


def refused(response, status, code):
    assert response.status_code == status, response.content[:200]
    if response.headers["Content-Type"].startswith("application/json"):
        assert response.json()["error"]["code"] == code
        assert response.json()["error"]["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "address", [API, "/v1/chat/completions", "/widget/v1/chat", "/account/login/"]
)
class TestEveryDoor:
    def test_too_many_headers(self, address):
        many = {f"X-Filler-{number}": "x" for number in range(MAX_HEADERS + 1)}
        refused(Client().post(address, headers=many), 413, "too_large")

    def test_too_long_headers(self, address):
        long = {"X-Filler": "x" * MAX_HEADER_BYTES}
        refused(Client().post(address, headers=long), 413, "too_large")

    def test_too_long_a_query(self, address):
        refused(Client().post(f"{address}?q={'x' * MAX_QUERY_BYTES}"), 413, "too_large")

    def test_a_query_that_is_no_utf8(self, address):
        refused(Client().post(f"{address}?q=%ff%fe"), 400, "invalid_encoding")

    def test_a_nul(self, address):
        refused(Client().post(f"{address}?q=%00"), 400, "invalid_request")

    def test_another_charset(self, address):
        kind = "application/json; charset=utf-16"
        refused(Client().post(address, b"{}", kind), 400, "invalid_encoding")

    def test_a_body_too_large_by_its_own_word(self, address):
        response = Client().post(address, b"{}", JSON, CONTENT_LENGTH=str(2**40))
        refused(response, 413, "too_large")

    @pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 400])
    def test_a_length_that_is_none(self, address, length):
        status, code = (413, "too_large") if length.startswith("9") else (400, "invalid_request")
        refused(Client().post(address, b"{}", JSON, CONTENT_LENGTH=length), status, code)


def test_a_deep_body_and_one_that_is_no_utf8(cast):
    headers = cast.bearer(cast.marco)
    deep = "[" * 5000 + "]" * 5000
    refused(Client().post(API, deep, JSON, headers=headers), 400, "invalid_request")
    deep = json.dumps({"message": "x"})[:-1] + ', "a": ' + "[" * 65 + "]" * 65 + "}"
    refused(Client().post(API, deep, JSON, headers=headers), 400, "invalid_request")
    refused(
        Client().post(API, b'{"message": "\xff"}', JSON, headers=headers), 400, "invalid_encoding"
    )


@pytest.mark.parametrize("body", [b"login=%ff", b"login=\xff", b"%c3%28=x"])
def test_a_form_that_is_no_utf8(body):
    form = "application/x-www-form-urlencoded"
    refused(Client().post("/account/login/", body, form), 400, "invalid_encoding")


def test_a_form_with_thousands_of_fields(cast):
    client = Client()
    client.force_login(cast.marco)
    body = "&".join(f"f{number}=x" for number in range(1500))
    form = "application/x-www-form-urlencoded"
    refused(client.post("/account/", body, form), 413, "too_large")


def test_good_requests_pass(cast):
    client = Client()
    client.force_login(cast.marco)
    assert client.get("/?q=caf%C3%A9+%E2%82%AC").status_code == 200
    form = "application/x-www-form-urlencoded; charset=UTF-8"
    assert client.post("/account/", "name=Andr%C3%A9+%E2%82%AC", form).status_code == 302
    cast.marco.refresh_from_db()
    assert cast.marco.name == "André €"


FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"
OTHER_CHARSETS = [
    "application/json; charset =hex",
    "application/json; charset=utf-8; charset=hex",
    "application/json; charset=hex; charset=utf-8",
    "application/json; charset*=utf-8''hex",
    "application/json; charset*=bogus''utf-8",
    "application/json; CHARSET=zlib",
    "application/json; charset = utf-16",
    'application/json; charset="utf-16"',
    "text/plain; charset=rot13",
    f"{FORM}; charset =latin-1",
    f"{MULTIPART}; charset =hex",
]


@pytest.mark.parametrize("kind", OTHER_CHARSETS)
def test_another_charset_however_it_is_written(kind, portal_itself):
    """Below the test's client, which would decode by it before the middleware has asked."""
    for address in ("/v1/models", API, "/account/login/", "/widget/v1/session"):
        for method in ("GET", "POST"):
            status, headers, body = portal_itself(method, address, "q=1", CONTENT_TYPE=kind)
            assert status == 400, body
            assert headers["X-Content-Type-Options"] == "nosniff"
            if headers["Content-Type"] == JSON:
                assert json.loads(body)["error"]["code"] == "invalid_encoding"


@pytest.fixture
def portal_itself(monkeypatch, db):
    monkeypatch.setenv("GATEHOUSE_PROCESS", "system")  # as it was before; the module names it
    # The test's transaction goes on after a request, as it does with Django's own client.
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    application = import_module("portal.wsgi").Portal()

    def ask(method, path, query="", **meta):
        environ = RequestFactory().generic(method, path, QUERY_STRING=query).environ
        environ["PATH_INFO"] = path  # as the server found it
        heard = []
        body = b"".join(application({**environ, **meta}, lambda *said: heard.append(said)))
        status, headers = heard[0][:2]
        return int(status.split()[0]), dict(headers), body

    return ask


def test_what_breaks_outside_of_djangos_own_net_is_in_our_words(portal_itself, monkeypatch, caplog):
    def broken(self, meta):
        raise RuntimeError("postgresql://u:hunter22@db/x")

    monkeypatch.setattr("portal.wsgi.PortalRequest._set_content_type_params", broken)
    status, headers, body = portal_itself("GET", "/v1/models")
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (500, "internal_error")
    assert error["request_id"] == headers["X-Request-ID"]
    assert b"hunter22" not in body
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert {"X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"} <= set(headers)
    assert "a request broke" in caplog.text


PATHS = (
    *(
        "/playground/assistant/{}/",
        "/account/keys/{}/revoke/",
        "/api/projects/{}/",
        "/api/users/{}/",
    ),
    *("/api/conversations/{}/", "/admin/projects/project/{}/change/", "/branding/{}/", "/{}"),
    *("/static/css/{}.css", "/widget/loader.{}.js", "/account/password/reset/key/{}-x/"),
    "/v1/{}",
)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("%00", "invalid_request"),
        ("a%00b", "invalid_request"),
        ("%ff", "invalid_encoding"),
        ("a%c3", "invalid_encoding"),
        ("%ed%a0%80", "invalid_encoding"),
    ],
)
def test_a_path_that_is_no_text(cast, word, code):
    client = Client(raise_request_exception=False)
    client.force_login(cast.admin)
    for path in PATHS:
        for method in ("GET", "POST"):
            refused(client.generic(method, path.format(word)), 400, code)


def test_a_path_without_an_end():
    refused(Client().get("/v1/" + "a" * 3000), 413, "too_large")
    assert Client().get("/caf%C3%A9/").status_code == 404


QUESTION = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}
BODIES = {
    "model": ("POST", "/v1/chat/completions", {**QUESTION, "model": "aX"}),
    "message": (
        "POST",
        "/v1/chat/completions",
        {**QUESTION, "messages": [{"role": "user", "content": "aX"}]},
    ),
    "member": ("POST", "/v1/chat/completions", {**QUESTION, "aX": 1}),
    "conversation": ("POST", API, {"message": "hi", "conversation": "X"}),
    "widget": ("POST", "/widget/v1/session", {"key": "X"}),
    "parameters": ("PATCH", "/api/projects/assistant/", {"parameters": {"stop": "X"}}),
    "parameter": ("PATCH", "/api/projects/assistant/", {"parameters": {"X": 1}}),
    "prompt": ("PATCH", "/api/projects/assistant/", {"system_prompt": "aX"}),
    "team": ("POST", "/api/teams/", {"slug": "xx", "name": "nX"}),
    "options": (
        "POST",
        "/api/guards/",
        {"slug": "x", "name": "n", "kind": "words", "mode": "block", "options": {"terms": ["X"]}},
    ),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(
    ("escape", "code"),
    [("\\u0000", "invalid_request"), ("\\ud800", "invalid_encoding"), ("\\udc00\\ud800", "invalid_encoding")],
)  # fmt: skip
def test_json_that_is_no_text_anywhere_in_it(cast, name, escape, code):
    method, path, body = BODIES[name]
    text = json.dumps(body).replace("X", escape)
    headers = {**cast.bearer(cast.admin), "Origin": "https://x.example"}
    client = Client(raise_request_exception=False)
    refused(client.generic(method, path, text, JSON, headers=headers), 400, code)


def test_json_with_escaped_characters_passes(cast):
    text = '{"message": "say: \\ud83d\\ude00 \\u00e9", "conversation": ""}'
    answer = Client().post(API, text, JSON, headers=cast.bearer(cast.marco))
    assert answer.json()["answer"] == "😀 é"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/account/login/", "login=%00&password=x"),
        ("/account/password/reset/", "email=a%00"),
        ("/theme/", "theme=%00"),
        ("/account/keys/create/", "name=%00"),
        ("/playground/assistant/ask/", "message=hi&conversation=%00"),
        ("/playground/assistant/ask/", "message=hi&replaces=%00"),
        ("/playground/assistant/ask/", "message=hi&%00=1"),
    ],
)
def test_a_form_with_a_nul(cast, path, body):
    client = Client(raise_request_exception=False)
    client.force_login(cast.marco)
    refused(client.post(path, body, FORM), 400, "invalid_request")


def part(name, value, filename=""):
    shown = f'; filename="{filename}"' if filename else ""
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def browser(cast):
    """As a browser asks: with the CSRF cookie and the form's token, both checked."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(cast.marco)
    page = client.get("/account/").content.decode()
    return client, re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page)[1]


MANY = [f"f{number}" for number in range(1500)]


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        (b"".join(part(name, b"x") for name in MANY), 413, "too_large"),
        (b"".join(part(name, b"x", "x.txt") for name in MANY[:150]), 413, "too_large"),
        (part("name", b"A\xff\xfeB"), 400, "invalid_encoding"),
        (part("name", b"A\x00B"), 400, "invalid_request"),
        (part("a\x00b", b"x"), 400, "invalid_request"),
        (b"nonsense", 302, ""),
    ],
)
def test_a_form_in_parts_is_held_to_the_same(cast, parts, status, code):
    client, token = browser(cast)
    body = part("csrfmiddlewaretoken", token.encode()) + part("name", b"Marco") + parts
    answer = client.post("/account/", body + b"--B--\r\n", MULTIPART)
    assert answer.status_code == status, answer.content[:300]
    if code == "too_large":
        assert "too large" in answer.content.decode()


def test_a_form_in_parts_without_a_boundary_or_at_a_door_for_json(cast):
    client, _token = browser(cast)
    refused(client.post("/account/", part("name", b"x"), "multipart/form-data"), 400, "")
    body = part("name", b"x") + b"--B--\r\n"
    for path in ("/v1/chat/completions", API, "/api/projects/"):
        answer = Client().post(path, body, MULTIPART, headers=cast.bearer(cast.admin))
        refused(answer, 415, "unsupported_media_type")


def test_a_browsers_form_with_thousands_of_fields(cast):
    client, token = browser(cast)
    body = f"csrfmiddlewaretoken={token}&name=x&" + "&".join(f"{name}=x" for name in MANY)
    for path in ("/account/", "/account/login/", "/playground/assistant/ask/"):
        refused(client.post(path, body, FORM), 413, "too_large")
    good = client.post("/account/", f"csrfmiddlewaretoken={token}&name=Marco", FORM)
    assert good.status_code == 302


def test_what_djangos_own_middleware_finds_too_large_is_said_so_too(cast, monkeypatch):
    """Where the form's check were not: the errors that `process_exception` never hears of."""
    monkeypatch.setattr("portal.request_limits.check_form", lambda *_: None)
    client, token = browser(cast)
    body = f"csrfmiddlewaretoken={token}&" + "&".join(f"{name}=x" for name in MANY)
    refused(client.post("/account/", body, FORM), 413, "too_large")


def test_the_content_type_counts_among_the_headers():
    refused(Client().get("/v1/models", CONTENT_TYPE="a" * MAX_HEADER_BYTES), 413, "too_large")
    many = {f"X-Filler-{number}": "x" for number in range(MAX_HEADERS)}
    refused(Client().get("/v1/models", headers=many, CONTENT_TYPE=JSON), 413, "too_large")


@pytest.mark.parametrize("path", ["/api/projects/", "/api/projects/assistant/", "/api/usage/"])
@pytest.mark.parametrize("accept", ["application/xml", "text/html", "nonsense", "image/*;q=0"])
def test_the_api_answers_in_json_whatever_is_accepted(cast, path, accept):
    client = Client(raise_request_exception=False)
    headers = {**cast.bearer(cast.marco), "Accept": accept}
    for query in ("", "?format=xml"):
        answer = client.get(path + query, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON)


@pytest.mark.parametrize("path", ["/api/projects/", "/api/users/", "/api/guards/", "/v1/models", "/widget/v1/chat"])  # fmt: skip
@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "PROPFIND"])
def test_a_method_that_nobody_knows(cast, path, method):
    client = Client(raise_request_exception=False)
    answer = client.generic(method, path, headers=cast.bearer(cast.admin))
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_what_the_framework_of_the_api_refuses_is_never_our_fault():
    class Strange(APIException):
        status_code = 418

    for error, code in ((NotAcceptable(), "invalid_request"), (Strange(), "invalid_request")):
        assert as_refusal(error).code == code
    assert as_refusal(APIException("a server's fault")) is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/account/keys/", "GET"),
        ("GET", "/account/keys/create/", "POST"),
        ("GET", "/theme/", "POST"),
        ("POST", "/widget/loader.js", "GET"),
        ("GET", "/csp-report/", "POST"),
        ("GET", "/widget/v1/chat", "POST"),
        ("POST", "/v1/models", "GET"),
        ("POST", "/api/docs/", "GET"),
    ],
)
def test_a_method_that_is_not_for_here_is_said_and_what_is(cast, method, path, allowed):
    client = Client()
    client.force_login(cast.marco)
    answer = client.generic(method, path)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]
    assert answer.headers["X-Request-ID"] in answer.content.decode()
