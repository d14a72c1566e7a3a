"""No grant, no use: models of all five kinds, at every way to save, at every door, and in what runs already."""

import json
import subprocess

import openai
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client

from portal.models import Model
from projects.models import Project
from teams.models import Grant
from tests import second_process
from tests.accounts.test_fresh import browser, form_of
from tests.cast import build_cast
from tests.projects.doors import DOORS
from tests.projects.test_live import ask, received, row_when
from tests.projects.test_live import raw as asked
from widget.models import Widget

JSON = "application/json"
KINDS = list(Model.Kind.values)
REFUSED = "The team is not granted this model."


def model_of(cast, kind, granted=True):
    model = Model.objects.create(provider=cast.model.provider, name=f"m-{kind}", kind=kind)
    if granted:
        Grant.objects.create(team=cast.research, model=model)
    return model


def by_api_new(cast, model):
    data = {"slug": "new", "name": "New", "team": "research", "model": model.pk}
    answer = browser(cast.olivia).post("/api/projects/", data, content_type=JSON)
    assert answer.status_code == 422
    return answer.json()["error"]["fields"]["model"][0]


def by_api(cast, model):
    answer = browser(cast.olivia).patch(
        "/api/projects/drafts/", {"model": model.pk}, content_type=JSON
    )
    assert answer.status_code == 422
    return answer.json()["error"]["fields"]["model"][0]


def by_form(cast, model):
    """Granted to another team of the same person, so that the form offers it."""
    cast.support.memberships.create(user=cast.olivia, role="admin")
    Grant.objects.create(team=cast.support, model=model)
    client, page = browser(cast.olivia), f"/admin/projects/project/{cast.drafts.pk}/change/"
    answer = client.post(page, form_of(client, page, model=model.pk))
    assert answer.status_code == 200
    return answer.context["adminform"].form.errors["model"][0]


def raising(deed):
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        deed()
    return refused.value.message_dict["model"][0]


def by_save(cast, model):
    cast.drafts.model = model
    return raising(cast.drafts.save)


def by_bulk_create(cast, model):
    rows = [Project(slug=f"new{n}", name="N", team=cast.research) for n in range(2)]
    rows[0].model, rows[1].model = cast.model, model
    return raising(lambda: Project.objects.bulk_create(rows))


def by_update(cast, model):
    return raising(lambda: Project.objects.filter(team=cast.research).update(model=model))


def by_update_of_the_id(cast, model):
    return raising(lambda: Project.objects.filter(slug="drafts").update(model_id=model.pk))


def by_bulk_update(cast, model):
    cast.drafts.model = model
    return raising(lambda: Project.objects.bulk_update([cast.drafts], ["model"]))


WAYS = (by_api_new, by_api, by_form, by_save, by_bulk_create, by_update, by_update_of_the_id)
WAYS = (*WAYS, by_bulk_update)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_project_is_not_saved_with_a_model_that_is_not_granted(cast, way, kind):
    assert way(cast, model_of(cast, kind, granted=False)) == REFUSED
    assert set(Project.objects.values_list("model_id", flat=True)) == {cast.model.pk}
    assert Project.objects.count() == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_is_saved_with_a_granted_model_of_any_kind(cast, kind):
    model = model_of(cast, kind)
    data = {"slug": "new", "name": "New", "team": "research", "model": model.pk}
    assert browser(cast.olivia).post("/api/projects/", data, content_type=JSON).status_code == 201
    assert Project.objects.filter(slug="drafts").update(model=model) == 1
    rows = [Project(slug=f"new{n}", name="N", team=cast.research, model=model) for n in range(2)]
    assert len(Project.objects.bulk_create(rows)) == 2


def test_a_project_stays_in_its_team_at_every_way(cast):
    with pytest.raises(ValueError, match="does not change"):
        Project.objects.filter(slug="drafts").update(team=cast.support)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "chat"])
def test_what_does_not_chat_is_refused_at_the_doors_of_chats_and_not_listed_there(cast, kind):
    Project.objects.filter(team=cast.research).update(model=model_of(cast, kind))
    words = "One does not chat with this project"
    for door, knock in DOORS.items():
        said = knock(cast, cast.marco, "say: x")
        assert (said.status, said.code) == (403, "permission_denied"), door
    answer = Client().post(
        "/v1/chat/completions",
        json.dumps({"model": "assistant", "messages": [{"role": "user", "content": "x"}]}),
        JSON,
        headers=cast.bearer(cast.marco),
    )
    assert answer.json()["error"]["message"].startswith(words)
    client = browser(cast.marco)
    assert "Assistant" not in client.get("/").content.decode()
    for page in ("/playground/assistant/", "/playground/assistant/use/"):
        answer = client.get(page)
        if answer.status_code != 404:
            assert (answer.status_code, words in answer.content.decode()) == (403, True), page
    listed = Client().get("/v1/models", headers=cast.bearer(cast.marco)).json()["data"]
    assert listed == []
    assert cast.assistant in Project.objects.chattable_by(cast.marco)


# What withdraws it: here, and by somebody else's process.


def switch(row, **values):
    type(row).objects.filter(pk=row.pk).update(**values)


WITHDRAWALS = {
    "the row": lambda cast: Grant.objects.get(team=cast.research).delete(),
    "a queryset": lambda cast: Grant.objects.filter(team=cast.research).delete(),
    "the console": lambda cast: browser(cast.admin).post(
        f"/admin/teams/grant/{Grant.objects.get(team=cast.research).pk}/delete/", {"post": "yes"}
    ),
    "the API": lambda cast: browser(cast.admin).delete(
        f"/api/grants/{Grant.objects.get(team=cast.research).pk}/"
    ),
    "the model": lambda cast: switch(cast.model, is_active=False),
    "the provider": lambda cast: switch(cast.model.provider, is_active=False),
}


@pytest.mark.parametrize("what", WITHDRAWALS)
def test_a_withdrawal_stops_the_next_exchange_at_once(
    cast, what, django_capture_on_commit_callbacks
):
    for door, knock in DOORS.items():
        assert knock(cast, cast.marco, "say: x").status == 200, door
    with django_capture_on_commit_callbacks(execute=True):
        WITHDRAWALS[what](cast)
    for door, knock in DOORS.items():
        said = knock(cast, cast.marco, "say: x")
        assert (said.status, said.code) == (403, "permission_denied"), door


def test_a_running_conversation_does_not_go_on_without_a_grant(cast):
    headers = cast.bearer(cast.marco)

    def go_on(talk):
        body = {"message": "say: x", "conversation": talk}
        return Client().post("/api/projects/assistant/chat/", body, JSON, headers=headers)

    talk = go_on(None).json()["conversation"]
    assert go_on(talk).status_code == 200
    Grant.objects.filter(team=cast.research).delete()
    assert go_on(talk).status_code == 403
    Grant.objects.create(team=cast.research, model=cast.model)
    assert go_on(talk).status_code == 200


@pytest.fixture
def house(live_server, transactional_db):
    cast = build_cast()
    cast.url = live_server.url
    cast.client = openai.OpenAI(
        base_url=f"{live_server.url}/v1", api_key=cast.key(cast.marco), max_retries=0
    )
    return cast


ELSEWHERE = {
    "grant": "DELETE FROM teams_grant",
    "model": "UPDATE portal_model SET is_active = false",
    "provider": "UPDATE portal_provider SET is_active = false",
    "address list": "UPDATE teams_team SET allowed_addresses = '203.0.113.0/24'",
}
PROGRAM = """
from portal.tenancy import EVERYTHING, tenant
with tenant(EVERYTHING, atomic=True), connection.cursor() as cursor:
    cursor.execute(sys.argv[2])
"""


def by_another_process(sql):
    """No listener of this one hears of it."""
    subprocess.run(
        second_process.command(PROGRAM, sql), check=True, capture_output=True, timeout=60
    )


@pytest.mark.parametrize("what", ELSEWHERE)
def test_another_processs_withdrawal_ends_a_running_stream_and_the_next_exchange(house, what):
    connection_ = asked(house, "slow: 100 words: 900")
    received(connection_, until=b"gate")
    by_another_process(ELSEWHERE[what])
    assert b"permission_denied" in received(connection_, until=b"permission_denied")
    connection_.close()
    row_when(lambda row: row.outcome == "permission_denied")
    with pytest.raises(openai.PermissionDeniedError):
        ask(house.client, "say: x")


# The console says it.


def test_the_page_of_grants_shows_and_filters_kinds(cast):
    model_of(cast, "embedding")
    client = browser(cast.admin)
    page = client.get("/admin/teams/grant/").content.decode()
    assert "m-embedding" in page
    found = client.get("/admin/teams/grant/?model__kind__exact=embedding")
    assert [row.model.name for row in found.context["cl"].result_list] == ["m-embedding"]


def test_deleting_a_grant_says_what_it_stops(cast):
    client = browser(cast.admin)
    grant = Grant.objects.get(team=cast.research)
    Project.objects.create(
        slug="off", name="Off", team=cast.research, model=cast.model, is_active=False
    )
    words = "2 projects stop at once, with the answers that are running in them: Assistant, Drafts."
    assert words in client.get(f"/admin/teams/grant/{grant.pk}/delete/").content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [grant.pk]}
    assert words in client.post("/admin/teams/grant/", chosen).content.decode()
    unused = Grant.objects.create(team=cast.support, model=model_of(cast, "image"))
    page = client.get(f"/admin/teams/grant/{unused.pk}/delete/").content.decode()
    assert "No project uses it" in page


def test_a_projects_page_says_that_its_model_is_not_granted_any_more(cast):
    Grant.objects.filter(team=cast.research).delete()
    client = browser(cast.olivia)
    page = client.get(f"/admin/projects/project/{cast.drafts.pk}/change/").content.decode()
    assert "The team is not granted this model. Until that changes, nobody is answered." in page
    assert REFUSED in client.get("/admin/projects/project/").content.decode()


def test_a_visitor_is_refused_too(cast):
    widget = Widget.objects.create(
        project=cast.assistant, name="w", allowed_domains=["shop.example"]
    )
    headers = {"Origin": "https://shop.example"}
    begun = Client().post("/widget/v1/session", {"key": widget.public_id}, JSON, headers=headers)
    headers["Authorization"] = f"Bearer {begun.json()['token']}"

    def knock():
        return Client().post("/widget/v1/chat", {"message": "say: x"}, JSON, headers=headers)

    assert knock().status_code == 200
    Grant.objects.filter(team=cast.research).delete()
    assert knock().status_code == 403
