"""Keys that are confined to projects: made at every door, shown, and held at every door."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Key
from guards.models import GuardEvent
from projects.models import Exchange, KeyProject
from tests.accounts.test_impersonation_doors import ROUTES
from tests.projects.doors import question


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def confined(cast, user, *projects, **options):
    return cast.bearer(user, projects=list(projects), **options)


def test_the_api_makes_and_shows_a_confined_key(cast):
    client = browser(cast.marco)
    made = client.post(
        "/api/keys/", {"name": "ci", "projects": ["drafts", "assistant"]}, "application/json"
    )
    assert (made.status_code, made.json()["projects"]) == (201, ["assistant", "drafts"])
    free = client.post("/api/keys/", {"name": "free", "projects": None}, "application/json").json()
    assert free["projects"] is None
    shown = {row["name"]: row["projects"] for row in client.get("/api/keys/").json()["results"]}
    assert shown == {"ci": ["assistant", "drafts"], "free": None}


@pytest.mark.parametrize(
    "projects", [["helpdesk"], ["nowhere"], ["drafts", "nowhere"], [], "x", [""]]
)
def test_projects_that_one_does_not_see_are_refused_and_no_key_is_made(cast, projects):
    response = browser(cast.marco).post(
        "/api/keys/", {"name": "x", "projects": projects}, "application/json"
    )
    assert response.status_code == 422
    assert "projects" in response.json()["error"]["fields"]
    assert not KeyProject.objects.exists()


def test_the_page_offers_what_one_may_ask_and_shows_what_was_chosen(cast):
    client = browser(cast.marco)
    page = client.get("/account/keys/").content.decode()
    assert 'value="drafts"' in page
    assert 'value="helpdesk"' not in page
    form = {
        "name": "laptop",
        "days": "30",
        "projects": ["drafts"],
        "allowed_addresses": "127.0.0.0/8",
        "no_content_log": "on",
    }
    assert client.post("/account/keys/create/", form).status_code == 200
    key = Key.objects.get()
    assert (key.allowed_addresses, key.no_content_log) == ("127.0.0.0/8", True)
    assert [row.project for row in key.confinements.all()] == [cast.drafts]
    assert "<dd>drafts</dd>" in client.get("/account/keys/").content.decode()
    for wrong in ({"projects": ["helpdesk"]}, {"allowed_addresses": "nowhere"}):
        assert client.post("/account/keys/create/", form | wrong).status_code == 422
    assert Key.objects.count() == 1


def test_a_confined_key_reaches_its_projects_alone_at_every_door(cast):
    headers = confined(cast, cast.olivia, "drafts")
    asks = Client(headers=headers)
    for project, status in (("drafts", 200), ("assistant", 404)):
        body = question("say: x", project=project)
        assert asks.post("/v1/chat/completions", body, "application/json").status_code == status
        path = f"/api/projects/{project}/chat/"
        assert asks.post(path, {"message": "say: x"}, "application/json").status_code == status
        assert asks.get(f"/api/projects/{project}/").status_code == status
        patch = asks.patch(f"/api/projects/{project}/", {"name": "New"}, "application/json")
        assert patch.status_code == status
    assert [row["id"] for row in asks.get("/v1/models").json()["data"]] == ["drafts"]
    for path, name in (
        ("/api/projects/", "slug"),
        ("/api/conversations/", "project"),
        ("/api/usage/", "project_slug"),
    ):
        own = Client()
        own.force_login(cast.olivia)
        own.post("/api/projects/assistant/chat/", {"message": "say: y"}, "application/json")
        assert {row[name] for row in asks.get(path).json()["results"]} == {"drafts"}, path
        assert len({row[name] for row in own.get(path).json()["results"]}) == 2, path
    new = {"slug": "new", "name": "New", "team": "research", "model": cast.model.pk}
    assert asks.post("/api/projects/", new, "application/json").status_code == 403
    assert (
        Client(headers=cast.bearer(cast.olivia))
        .post("/api/projects/", new, "application/json")
        .status_code
        == 201
    )


def test_a_key_whose_projects_are_gone_reaches_nothing(cast):
    headers = confined(cast, cast.marco, "drafts")
    Exchange.objects.all().delete()
    cast.drafts.delete()
    asks = Client(headers=headers)
    body = question("say: x")
    assert asks.post("/v1/chat/completions", body, "application/json").status_code == 404
    assert asks.get("/api/projects/").json()["results"] == []
    (row,) = browser(cast.marco).get("/api/keys/").json()["results"]
    assert row["projects"] == []
    assert "none: they are gone" in browser(cast.marco).get("/account/keys/").content.decode()


def test_who_sees_a_key_learns_no_project_that_they_do_not_see(cast):
    from teams.models import Membership

    Membership.objects.create(team=cast.support, user=cast.marco, role="member")
    confined(cast, cast.marco, "helpdesk", "drafts")
    for looks, seen in ((cast.marco, ["drafts", "helpdesk"]), (cast.olivia, ["drafts"])):
        (row,) = browser(looks).get("/api/keys/").json()["results"]
        assert row["projects"] == seen
        page = browser(looks).get(f"/admin/accounts/key/{Key.objects.get().pk}/change/")
        if looks == cast.olivia:
            assert "helpdesk" not in page.content.decode()


def command(*args):
    out = StringIO()
    call_command("create_key", "--user", "marco@example.com", "--name", "ci", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_key_alone_and_takes_what_the_contract_says(cast):
    said = command(
        *("--scope", "chat", "--scope", "usage:read", "--project", "drafts"),
        *("--expires-days", "3", "--requests-per-second", "7"),
    )
    (plaintext,) = said.splitlines()
    headers = {"authorization": f"Bearer {plaintext}"}
    assert Client().get("/api/users/me/", headers=headers).json()["email"] == "marco@example.com"
    key = Key.objects.get()
    assert (key.scopes, key.requests_per_second) == (["chat", "usage:read"], 7)
    assert 2 <= (key.expires_at - key.created_at).days <= 3
    assert key.confinements.get().project == cast.drafts
    assert command().startswith("gh_")
    with pytest.raises(CommandError, match="There is no such project"):
        command("--project", "helpdesk")
    assert Key.objects.count() == 2


# Lists that no project's rows are in: of people, teams, models and guards themselves.
OF_NO_PROJECT = {
    *("provider-list", "model-list", "user-list", "team-list", "membership-list"),
    *("grant-list", "guard-list", "key-list", "custom-role-list", "group-list"),
    *("group-mapping-list", "setting-list"),
}


def test_no_list_shows_a_confined_key_a_row_of_another_project(cast):
    """Generated: a list that is not here fails if anything of the other project is in it."""
    for project in (cast.assistant, cast.drafts):
        talk = project.conversations.create(user=cast.olivia)
        talk.messages.create(role="user", content=f"about {project.slug}")
        Exchange.objects.create(
            project=project, project_slug=project.slug, team=project.team, user=cast.olivia
        )
        GuardEvent.objects.create(
            team=project.team, guard_version=1, guard_slug="limits", project_slug=project.slug
        )
    headers = cast.bearer(cast.olivia, projects=["drafts"])
    asked = set()
    for route, path, name in ROUTES:
        if not route.startswith("api/") or not (name or "").endswith("-list"):
            continue
        answer = Client().get(path, headers=headers)
        asked.add(name)
        if name in OF_NO_PROJECT:
            continue
        assert answer.status_code in (200, 403), path
        if answer.status_code == 200:
            assert '"assistant"' not in answer.content.decode(), path
            assert '"drafts"' in answer.content.decode(), path
    narrowed = {"project-list", "conversation-list", "usage-list", "guard-event-list"}
    assert asked >= narrowed | OF_NO_PROJECT
