"""An error page says what happened also when the database and the sessions are what failed."""

import pytest
from django.test import Client, RequestFactory

from portal.errors import ERRORS, Refusal, error_response
from tests.console.inline import inline_parts


@pytest.mark.parametrize("code", ERRORS)
def test_every_refusal_has_a_page_that_asks_no_database(code):
    refusal = Refusal(code, retry_after=7 if ERRORS[code].status == 429 else None)
    response = error_response(RequestFactory().get("/somewhere/"), refusal)
    page = response.content.decode()
    assert response.status_code == ERRORS[code].status
    assert "req_" in page
    assert "What you can do" in page
    assert inline_parts(page) == []
    if refusal.retry_after:
        assert "Try again in 7 seconds." in page


def test_a_dead_database_shows_a_page_with_the_request_id():
    """This test has no access to the database: reading the session fails as it does when the database is gone."""
    client = Client(raise_request_exception=False)
    client.cookies["gatehouse_session"] = "x" * 32
    response = client.get("/")
    page = response.content.decode()
    assert response.status_code == 500
    assert response["X-Request-ID"] in page
    assert "Something went wrong on our side." in page
    assert "Traceback" not in page


def test_what_a_refusal_says_is_text_and_not_markup():
    refusal = Refusal(
        "validation_failed", "<b>x</b>", fields={"title": ["<script>alert(1)</script>"]}
    )
    page = error_response(RequestFactory().get("/"), refusal).content.decode()
    assert "<b>x" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/nowhere", "/account/nowhere/", "/playground/"])
def test_unknown_addresses_are_pages_for_people(path):
    response = Client().get(path)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert response["X-Request-ID"] in response.content.decode()


def test_a_question_that_is_too_large_is_answered_with_a_page(cast):
    client = Client()
    client.force_login(cast.marco)
    response = client.post("/playground/assistant/ask/", {"message": "x" * (1024 * 1024 + 1)})
    page = response.content.decode()
    assert response.status_code == 413
    assert "larger than the portal takes" in page
    assert response["X-Request-ID"] in page
