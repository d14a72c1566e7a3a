"""Where a team's models may compute: asked on save, of every exchange, and of answers that are running."""

import json
import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from portal.models import Model, Provider
from projects.models import Project
from projects.rules import ELSEWHERE
from teams.models import Team
from tests.accounts.test_fresh import browser
from tests.cast import build_cast, connect
from tests.model_server import Answer
from tests.projects.doors import DOORS, events

JSON = "application/json"


def hold(cast, allowed):
    Team.objects.filter(pk=cast.research.pk).update(allowed_regions=allowed)


def put(region):
    Provider.objects.filter(slug="server").update(region=region)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("region", "allowed", "passes"), [
    ("", "", True), ("us", "", True), ("eu", "eu, ch", True), ("ch", "eu,ch", True),
    ("us", "eu,ch", False), ("eu-central-1", "eu", False), ("", "eu", False),
])  # fmt: skip
def test_an_exchange_goes_where_its_team_allows(cast, model_server, door, region, allowed, passes):
    connect(cast, model_server)
    put(region)
    hold(cast, allowed)
    said = DOORS[door](cast, cast.marco, "hello")
    assert (said.status, said.code) == ((200, "") if passes else (403, "permission_denied"))
    assert bool(model_server.requests) is passes


def test_the_refusal_says_why(cast, model_server):
    connect(cast, model_server)
    hold(cast, "eu")
    answer = Client().post(
        "/api/projects/assistant/chat/", {"message": "x"}, JSON, headers=cast.bearer(cast.marco)
    )
    assert answer.json()["error"]["message"] == str(ELSEWHERE)


def test_the_offline_provider_is_everywhere(cast):
    hold(cast, "eu")
    assert DOORS["v1"](cast, cast.marco, "say: x").status == 200
    cast.assistant.name = "Renamed"
    cast.assistant.save()


def test_other_teams_are_not_held_to_it(cast, model_server):
    connect(cast, model_server)
    hold(cast, "eu")
    assert DOORS["v1"](cast, cast.sam, "say: x", project="helpdesk").status == 200


@pytest.mark.parametrize("change", ["provider", "team"])
def test_a_change_stops_the_next_exchange(cast, model_server, change):
    connect(cast, model_server)
    put("eu")
    hold(cast, "eu,us")
    assert DOORS["v1"](cast, cast.marco, "hello").status == 200
    put("asia") if change == "provider" else hold(cast, "us")
    assert DOORS["v1"](cast, cast.marco, "hello").status == 403


def test_a_project_is_not_saved_with_a_model_that_computes_elsewhere(cast, model_server):
    model = connect(cast, model_server)
    Project.objects.filter(team=cast.research).update(model=cast.model)
    hold(cast, "eu")
    answer = browser(cast.olivia).patch(
        "/api/projects/drafts/", {"model": model.pk}, content_type=JSON
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"]["model"] == [str(ELSEWHERE)]
    with pytest.raises(ValidationError):
        Project.objects.filter(slug="drafts").update(model=model)
    put("eu")
    model = Model.objects.get(pk=model.pk)
    assert Project.objects.filter(slug="drafts").update(model=model) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["provider", "team", "address list"])
def test_a_running_stream_ends_when_it_is_not_allowed_any_more(model_server, change, monkeypatch):
    from projects import steps

    monkeypatch.setattr(steps, "RIGHTS_EVERY", 0.0)
    cast = build_cast()
    connect(cast, model_server)
    put("eu")
    hold(cast, "eu")
    model_server.will(Answer(text="one two three four", stall_after=2))
    response = Client().post(
        "/api/projects/assistant/chat/",
        json.dumps({"message": "hello", "stream": True}),
        JSON,
        headers=cast.bearer(cast.marco),
    )
    stream = iter(response.streaming_content)

    def changed():
        try:
            if change == "provider":
                put("us")
            elif change == "team":
                hold(cast, "us")
            else:
                Team.objects.update(allowed_addresses="203.0.113.0/24")
        finally:
            connection.close()

    seen = next(stream)
    threading.Thread(target=changed).start()
    seen += b"".join(stream)
    assert events(seen)[-1][1]["error"]["code"] == "permission_denied"
    assert model_server.hung_up.wait(5)
