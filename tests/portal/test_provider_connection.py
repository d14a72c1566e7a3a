"""The console's "Test connection": what the provider's list of models says, and who may ask for it."""

import json
import socket

import pytest
from django.urls import reverse

from portal.models import Model, Provider
from portal.provider_connection import check_connection
from tests.model_server import Failure, Raw

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(model_server) -> Provider:
    provider = Provider(slug="house", name="House", kind="openai", base_url=model_server.base_url)
    provider.set_secret("sk-test-1234-abcd")
    provider.save()
    Model.objects.create(provider=provider, name="gpt-test")
    Model.objects.create(provider=provider, name="gpt-gone")
    return provider


def listing(*names: str) -> Raw:
    body = json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Raw(head.encode() + body)


def test_it_lists_what_is_offered_and_says_what_the_catalogue_has(provider, model_server):
    model_server.will(listing("gpt-test", "gpt-new"))
    tested = check_connection(provider)
    assert tested.failure == ""
    assert tested.offered == (("gpt-test", True), ("gpt-new", False))
    assert tested.missing == ("gpt-gone",)
    asked = model_server.last
    assert (asked.method, asked.path) == ("GET", "/v1/models")
    assert asked.headers["authorization"] == "Bearer sk-test-1234-abcd"


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Failure(401), "misconfigured"),
        (Failure(404), "misconfigured"),
        (Failure(429), "rate_limited"),
        (Failure(500), "broken"),
        (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"), "broken"),
        (Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data": 1}'), "broken"),
        (Raw(b"nonsense\r\n\r\n"), "broken"),
    ],
)
def test_every_failure_has_a_name_and_none_of_the_servers_words(
    provider, model_server, behaviour, kind
):
    model_server.will(behaviour)
    tested = check_connection(provider)
    assert tested.failure == kind
    assert "nonsense" not in tested.detail


def test_a_dead_server_is_unreachable_and_no_exception(provider):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    provider.base_url = f"http://127.0.0.1:{port}/v1"
    assert check_connection(provider).failure == "unreachable"


def test_an_address_that_is_not_allowed_is_said_to_be_a_matter_of_set_up(provider, settings):
    settings.PRIVATE_NETWORKS = []
    assert check_connection(provider).failure == "misconfigured"


def test_the_offline_provider_offers_itself(cast):
    tested = check_connection(cast.model.provider)
    assert tested.offered == (("offline", True),)


def test_the_page_shows_it_to_who_may_change_the_provider_and_to_nobody_else(
    provider, model_server, cast, client
):
    page = reverse("admin:portal_provider_test", args=[provider.pk])
    model_server.will(listing("<b>gpt</b>"))
    client.force_login(cast.admin)
    shown = client.post(page)
    assert shown.status_code == 200
    assert "The connection works" in shown.content.decode()
    assert "&lt;b&gt;gpt&lt;/b&gt;" in shown.content.decode()
    assert "sk-test-1234-abcd" not in shown.content.decode()
    assert client.get(page).status_code == 405
    asked = len(model_server.recorded)
    for person, status in (
        (cast.auditor, 403),
        (cast.olivia, 404),
        (cast.marco, 403),
        (cast.rita, 403),
    ):
        client.force_login(person)
        assert client.post(page).status_code == status, person
    client.logout()
    assert client.post(page).status_code == 302
    assert len(model_server.recorded) == asked


def test_the_button_stands_where_one_may_press_it(provider, cast, client):
    change = reverse("admin:portal_provider_change", args=[provider.pk])
    client.force_login(cast.admin)
    assert b"Test connection" in client.get(change).content
    client.force_login(cast.auditor)
    assert b"Test connection" not in client.get(change).content
