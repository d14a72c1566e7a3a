"""What the interfaces say and do behind their doors; who comes through which is in `tests/doors`."""

import pytest
from django.test import Client

from tests.doors.table import EXPECTED

FOR_EVERYBODY = ("api/schema/", "api/docs/")
LISTS = [
    path
    for path in EXPECTED
    if path.startswith("api/")
    and "{" not in path
    and ("GET", "") in EXPECTED[path]
    and path not in FOR_EVERYBODY
]


def client_of(cast, name):
    client = Client()
    client.force_login(getattr(cast, name))
    return client


@pytest.mark.parametrize("path", LISTS)
def test_no_list_names_anything_of_another_team(cast, path):
    answer = client_of(cast, "sam").get(f"/{path}")
    pieces = answer.streaming_content if answer.streaming else [answer.content]
    text = b"".join(pieces).decode()
    assert answer.status_code == EXPECTED[path]["GET", ""]["foreign"]
    assert "research" not in text
    assert "marco@example.com" not in text


def test_team_admins_write_in_their_team_only_and_not_what_limits_it(cast):
    olivia = client_of(cast, "olivia")
    patch = {"name": "Better", "rate_limit_per_minute": 30}
    assert olivia.patch("/api/projects/assistant/", patch, "application/json").status_code == 200
    for budget in ({"monthly_budget": "1000"},):
        response = olivia.patch("/api/projects/assistant/", budget, "application/json")
        assert response.status_code == 403
    assert olivia.patch("/api/projects/helpdesk/", patch, "application/json").status_code == 404
    assert olivia.post("/api/grants/", {"team": "research", "model": 1}).status_code == 403
    assert olivia.delete("/api/teams/support/").status_code == 404
    added = {"team": "support", "user": "olivia@example.com", "role": "owner"}
    assert olivia.post("/api/memberships/", added, "application/json").status_code == 422


def test_patch_merges_and_keeps_the_rest(cast):
    cast.assistant.system_prompt = "Be brief."
    cast.assistant.save()
    response = client_of(cast, "olivia").patch(
        "/api/projects/assistant/", {"log_content": False}, "application/json"
    )
    assert (response.json()["log_content"], response.json()["system_prompt"]) == (
        False,
        "Be brief.",
    )
    seen = client_of(cast, "marco").get("/api/projects/assistant/").json()
    assert "system_prompt" not in seen
