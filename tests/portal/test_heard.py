"""What a request said of secrets, and of people's words, stands in no line of log that it leaves."""

import base64
import logging

import pytest
from django.test import Client

from portal.heard import Heard
from portal.logs import JSONFormatter

pytestmark = pytest.mark.django_db
PASSWORD = "Gä\"nz 'Geheim\\9"


@pytest.fixture
def written():
    handler, lines = logging.Handler(), []
    handler.setFormatter(JSONFormatter())
    handler.emit = lambda record: lines.append(handler.format(record))
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def breaks(*args, **kwargs):
    """As code does: the message quotes the value."""
    try:
        {}[kwargs["password"]]
    except KeyError as error:
        raise RuntimeError(f"no {kwargs['password']} and no {kwargs['password']!r}") from error


@pytest.mark.parametrize("door", ["JSON", "form", "Basic"])
def test_a_password_that_the_code_breaks_on_is_not_in_the_log(
    cast, settings, monkeypatch, written, door
):
    settings.BASIC_AUTH = True
    monkeypatch.setattr("accounts.proving.authenticate", breaks)
    monkeypatch.setattr("allauth.account.adapter.DefaultAccountAdapter.authenticate", breaks)
    client = Client(raise_request_exception=False)
    if door == "JSON":
        body = {"email": "marco@example.com", "password": PASSWORD}
        answer = client.post("/api/auth/token/", body, "application/json")
    elif door == "form":
        answer = client.post(
            "/account/login/", {"login": "marco@example.com", "password": PASSWORD}
        )
    else:
        proof = base64.b64encode(f"marco@example.com:{PASSWORD}".encode()).decode()
        answer = client.get("/api/users/me/", headers={"authorization": f"Basic {proof}"})
    assert answer.status_code == 500
    said = "\n".join(written)
    assert "RuntimeError" in said
    assert "Geheim" not in said
    assert "Geheim" not in answer.content.decode()


def test_only_what_speaks_of_secrets_and_words_is_hidden():
    heard = Heard()
    heard.body(
        {
            "slug": "assistant",
            "secret": "sk-hidden-one",
            "extra_headers": {"X": ["hidden-two"]},
            "name": "Research",
        }
    )
    assert set(heard.secrets()) == {"sk-hidden-one", "hidden-two"}


def test_a_huge_body_is_looked_at_with_a_bound():
    heard = Heard()
    heard.body({"messages": [f"number {number}" for number in range(100_000)]})
    assert len(heard.secrets()) < 2000
