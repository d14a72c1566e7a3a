"""What a request may be at all: refused in the contract's words before anything of it is parsed."""

import json

import pytest
from django.test import Client

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
