"""A team's address list: at every door where its projects are used, by session, key and token alike."""

import pytest
from django.test import Client

from projects.models import Exchange
from teams.models import Team
from tests.accounts.test_fresh import browser
from tests.cast import PASSWORD
from tests.projects.doors import DOORS
from widget.models import Widget

JSON = "application/json"
ELSEWHERE, HERE = "203.0.113.0/24", "127.0.0.0/8"


def hold(cast, networks):
    Team.objects.filter(pk=cast.research.pk).update(allowed_addresses=networks)


@pytest.mark.parametrize("door", DOORS)
def test_it_holds_at_every_door(cast, door):
    hold(cast, HERE)
    assert DOORS[door](cast, cast.marco, "say: x").status == 200
    hold(cast, ELSEWHERE)
    said = DOORS[door](cast, cast.marco, "say: x")
    assert (said.status, said.code) == (403, "address_blocked")
    assert DOORS[door](cast, cast.sam, "say: x", project="helpdesk").status == 200
    assert DOORS[door](cast, cast.admin, "say: x").status == 403


def test_a_token_is_held_to_it(cast):
    made = Client().post(
        "/api/auth/token/", {"email": cast.marco.email, "password": PASSWORD}, JSON
    )
    assert made.status_code == 200, made.content
    headers = {"authorization": f"Bearer {made.json()['access']}"}

    def knock():
        return Client().post(
            "/api/projects/assistant/chat/", {"message": "x"}, JSON, headers=headers
        )

    assert knock().status_code == 200
    hold(cast, ELSEWHERE)
    assert knock().status_code == 403


def test_what_was_said_is_not_read_from_elsewhere_and_projects_are_not_listed_there(cast):
    mine = cast.assistant.conversations.create(user=cast.marco, title="t")
    for client, headers in ((browser(cast.marco), {}), (Client(), cast.bearer(cast.marco))):
        hold(cast, HERE)
        assert client.get(f"/api/conversations/{mine.uid}/", headers=headers).status_code == 200
        hold(cast, ELSEWHERE)
        assert client.get(f"/api/conversations/{mine.uid}/", headers=headers).status_code == 404
        assert client.get("/api/conversations/", headers=headers).json()["results"] == []
    assert Client().get("/v1/models", headers=headers).json()["data"] == []
    client = browser(cast.marco)
    for page in (f"/playground/assistant/{mine.uid}/", "/playground/assistant/use/"):
        assert client.get(page).status_code == 403, page
    hold(cast, HERE)
    assert len(Client().get("/v1/models", headers=headers).json()["data"]) == 2


def test_visitors_of_a_widget_come_from_everywhere(cast):
    hold(cast, ELSEWHERE)
    widget = Widget.objects.create(
        project=cast.assistant, name="w", allowed_domains=["shop.example"]
    )
    headers = {"Origin": "https://shop.example"}
    begun = Client().post("/widget/v1/session", {"key": widget.public_id}, JSON, headers=headers)
    headers["Authorization"] = f"Bearer {begun.json()['token']}"
    said = Client().post("/widget/v1/chat", {"message": "say: x"}, JSON, headers=headers)
    assert b'"text": "x"' in b"".join(said.streaming_content)
    assert Exchange.objects.get().outcome == "answered"
