"""Projects end: access ends at once, running exchanges too; conversations go or wait, and what was spent stays."""

from decimal import Decimal
from unittest import mock

import pytest
from django.test import Client

from accounts.models import Key, User
from audit.models import Entry
from portal import tenancy
from portal.errors import Refusal
from projects import ledger, routes
from projects.models import (
    Conversation,
    Exchange,
    KeyProject,
    KeySpend,
    Message,
    Project,
    ProjectGuard,
    Spend,
    TeamSpend,
)
from projects.removal_actions import archive_project, delete_project, unarchive_project
from teams.removal_actions import archive_team, delete_team
from tests.cast import build_cast, connect
from tests.histories import orphans, with_history
from tests.model_server import Answer
from tests.projects.doors import question
from widget.models import Widget

ORIGIN = "https://shop.example.com"


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def page_of(project, verb):
    return f"/admin/projects/project/{project.pk}/{verb}/"


def ask(headers, text="hello", **options):
    return Client().post(
        "/v1/chat/completions", question(text, **options), "application/json", headers=headers
    )


# Deleting


def test_its_conversations_go_and_its_usage_stays_without_content(cast):
    with_history(cast)
    other = Exchange.objects.create(project=cast.drafts, project_slug="drafts", question="kept")
    delete_project(by=cast.adam, project=cast.assistant)
    row = Exchange.objects.get(project_slug="assistant")
    assert (row.cost, row.team, row.project) == (Decimal("0.000007"), cast.research, None)
    assert (row.question, row.answer, row.conversation) == (None, None, None)
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert not Widget.objects.filter(name="Chat").exists()
    assert Exchange.objects.get(pk=other.pk).question == "kept"
    assert orphans() == []
    entry = Entry.objects.get(action="conversations_deleted")
    assert entry.target_label == "assistant"
    assert entry.changes == {"conversations": [1, 0]}


def test_the_keys_and_the_teams_month_are_what_they_were(cast):
    with_history(cast)
    delete_project(by=cast.adam, project=cast.assistant)
    assert KeySpend.objects.get().spent_micros == TeamSpend.objects.get().spent_micros == 7
    assert not Spend.objects.exists()
    kept = KeyProject.objects.filter(key=cast.his).values_list("project__slug", flat=True)
    assert set(kept) == {None, "drafts"}


def test_a_guard_that_it_used_stays(cast):
    used = ProjectGuard.objects.filter(project=cast.assistant)
    guards = set(used.values_list("guard_id", flat=True))
    delete_project(by=cast.adam, project=cast.assistant)
    assert guards == set(
        type(cast.guards["words"]).objects.filter(pk__in=guards).values_list("pk", flat=True)
    )


def test_many_conversations_go_in_batches(cast, monkeypatch):
    from projects import removal_actions

    monkeypatch.setattr(removal_actions, "BATCH", 3)
    for _number in range(8):
        cast.drafts.conversations.create(user=cast.marco)
    kept = cast.assistant.conversations.create(user=cast.marco)
    delete_project(by=cast.adam, project=cast.drafts)
    assert list(Conversation.objects.all()) == [kept]


#: what each may do with the assistant of research: archive or bring back, and delete
DEEDS = {
    "admin": 302,
    "olivia": 302,
    "adam": 302,
    "auditor": 403,
    "marco": 403,
    "vera": 403,
    "rita": 403,
    "sam": 404,
}


@pytest.mark.parametrize("name", DEEDS)
def test_who_does_it_in_the_console(cast, name):
    client, wanted = browser(getattr(cast, name)), DEEDS[name]
    for verb in ("archive", "delete"):
        shown = client.get(page_of(cast.assistant, verb)).status_code
        assert shown == (200 if wanted == 302 else wanted)
    assert client.post(page_of(cast.assistant, "archive")).status_code == wanted
    archived = Project.objects.filter(slug="assistant", archived_at__isnull=False)
    assert archived.exists() == (wanted == 302)
    archive_project(by=cast.admin, project=cast.assistant)
    assert client.post(page_of(cast.assistant, "unarchive")).status_code == wanted
    assert archived.exists() != (wanted == 302)
    unarchive_project(by=cast.admin, project=cast.assistant)
    assert client.post(page_of(cast.assistant, "delete")).status_code == wanted
    assert Project.objects.filter(slug="assistant").exists() != (wanted == 302)


@pytest.mark.parametrize("name", DEEDS)
def test_who_does_it_by_the_api(cast, name):
    client = browser(getattr(cast, name))
    path = "/api/projects/assistant/"
    seen = 404 if name == "sam" else 403
    wanted = 204 if DEEDS[name] == 302 else seen
    assert client.post(f"{path}archive/").status_code == wanted
    archive_project(by=cast.admin, project=cast.assistant)
    if name in ("marco", "vera", "rita"):
        assert client.post(f"{path}unarchive/").status_code == 404
    else:
        assert client.post(f"{path}unarchive/").status_code == wanted
    unarchive_project(by=cast.admin, project=cast.assistant)
    assert client.delete(path).status_code == (wanted if name != "sam" else 404)
    assert Project.objects.filter(slug="assistant").exists() != (wanted == 204)


def test_a_key_does_it_within_its_scope_and_its_projects(cast):
    for options, status in (
        ({"scopes": ["projects:read"]}, 403),
        ({"scopes": ["projects:write"], "projects": ["drafts"]}, 404),
        ({"scopes": ["projects:write"], "projects": ["assistant"]}, 204),
    ):
        headers = cast.bearer(cast.adam, **options)
        answer = Client().post("/api/projects/assistant/archive/", headers=headers)
        assert answer.status_code == status, options


def test_the_page_says_what_goes_and_what_stays(cast):
    with_history(cast)
    text = browser(cast.adam).get(page_of(cast.assistant, "delete")).content.decode()
    for words in ("1 conversation", "2 assignments.", "1 line of the usage log", "1 key that is"):
        assert words in text
    text = browser(cast.adam).get(page_of(cast.drafts, "archive")).content.decode()
    assert "Archive project" in text


# Archived


def test_an_archived_project_is_closed_everywhere_and_seen_by_who_administers_it(cast):
    widget = Widget.objects.create(
        project=cast.assistant, name="Ask us", allowed_domains=["shop.example.com"]
    )
    talk = cast.assistant.conversations.create(user=cast.adam)
    headers = {name: cast.bearer(getattr(cast, name)) for name in ("adam", "marco", "admin")}
    archive_project(by=cast.adam, project=cast.assistant)
    for name in ("admin", "auditor", "olivia", "adam", "marco", "vera", "rita", "sam"):
        user = getattr(cast, name)
        client = browser(user)
        seen = name in ("admin", "auditor", "olivia", "adam")
        assert Project.objects.visible_to(user).filter(slug="assistant").exists() == seen
        assert not Project.objects.chattable_by(user).filter(slug="assistant").exists()
        assert (client.get("/api/projects/assistant/").status_code == 200) == seen
        assert "/playground/assistant/" not in client.get("/").content.decode()
        for path in ("", "use/", "temporary/", f"{talk.uid}/"):
            assert client.get(f"/playground/assistant/{path}").status_code == 404
        answer = client.post("/playground/assistant/ask/", {"message": "say: x"})
        assert answer.status_code == 404
    assert browser(cast.adam).get(f"/api/conversations/{talk.uid}/").status_code == 404
    assert browser(cast.adam).get("/api/conversations/").json()["results"] == []
    for mine in headers.values():
        assert ask(mine).status_code == 404
        listed = Client().get("/v1/models", headers=mine).json()["data"]
        assert "assistant" not in [row["id"] for row in listed]
    opening = Client().post(
        "/widget/v1/session",
        {"key": widget.public_id},
        "application/json",
        headers={"origin": ORIGIN},
    )
    assert opening.status_code == 404
    assert "Access-Control-Allow-Origin" not in opening
    unarchive_project(by=cast.adam, project=cast.assistant)
    assert browser(cast.adam).get(f"/playground/assistant/{talk.uid}/").status_code == 200
    assert ask(headers["marco"]).status_code == 200


def test_a_visitor_of_an_archived_team_is_turned_away(cast):
    widget = Widget.objects.create(
        project=cast.assistant, name="Ask us", allowed_domains=["shop.example.com"]
    )

    def post(path, body, **headers):
        headers = {"origin": ORIGIN, **headers}
        return Client().post(f"/widget/v1/{path}", body, "application/json", headers=headers)

    token = post("session", {"key": widget.public_id}).json()["token"]
    archive_team(by=cast.admin, team=cast.research)
    bearer = {"authorization": f"Bearer {token}"}
    assert post("chat", {"message": "say: x"}, **bearer).status_code == 404
    assert post("session", {"key": widget.public_id}).status_code == 404


def test_it_is_archived_also_without_its_models_grant(cast):
    cast.research.grants.all().delete()
    archive_project(by=cast.adam, project=cast.assistant)
    assert Project.objects.get(slug="assistant").archived_at is not None
    entry = Entry.objects.filter(target_type="projects.Project", action="update").latest("id")
    assert "archived_at" in entry.changes


def test_the_list_tells_archived_projects_from_those_in_use(cast):
    archive_project(by=cast.adam, project=cast.drafts)
    client = browser(cast.adam)
    for wanted, shown in (
        ("yes", {"drafts"}),
        ("no", {"assistant"}),
        ("", {"drafts", "assistant"}),
    ):
        page = client.get(f"/admin/projects/project/?archived={wanted}")
        assert {row.slug for row in page.context["cl"].result_list} == shown
    text = client.get(page_of(cast.drafts, "change")).content.decode()
    assert "Bring project back" in text
    assert "Open playground" not in text


# What is under way meanwhile

ENDS = {
    "archived": lambda cast: archive_project(by=cast.adam, project=cast.assistant),
    "deleted": lambda cast: delete_project(by=cast.adam, project=cast.assistant),
    "its team archived": lambda cast: archive_team(by=cast.admin, team=cast.research),
    "its team deleted": lambda cast: delete_team(by=cast.admin, team=cast.research),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("budget", [None, Decimal(5)])
@pytest.mark.parametrize("end", ENDS)
def test_what_is_being_answered_costs_what_it_cost(model_server, end, budget):
    """The row says so, the key's month and the team's have it, and nothing stays reserved."""
    cast = build_cast()
    connect(cast, model_server, input="100", output="1000")
    headers = cast.bearer(cast.marco)
    Project.objects.filter(slug="assistant").update(monthly_budget=budget)
    Key.objects.update(monthly_budget=budget)
    type(cast.research).objects.update(monthly_budget=budget)
    model_server.will(Answer(text="Done."))
    real = ledger.close

    def close(passage):
        with tenancy.tenant(tenancy.EVERYTHING):  # as from another process
            ENDS[end](cast)
        real(passage)

    with mock.patch("projects.journey.ledger.close", close):
        ask(headers, max_tokens=5)
    row = Exchange.objects.get(project_slug="assistant")
    assert (row.outcome, bool(row.cost), bool(row.closed_at)) == ("answered", True, True)
    assert KeySpend.objects.get().spent_micros == row.cost * 1_000_000
    spends = [*KeySpend.objects.all(), *TeamSpend.objects.all(), *Spend.objects.all()]
    assert [spend.reserved_micros for spend in spends] == [0] * len(spends)
    assert TeamSpend.objects.exists() == ("team deleted" not in end)
    with tenancy.tenant(tenancy.EVERYTHING):
        assert orphans() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ENDS)
def test_a_running_stream_ends(model_server, end, monkeypatch):
    cast = build_cast()
    headers = cast.bearer(cast.marco)
    monkeypatch.setattr("projects.steps.RIGHTS_EVERY", 0.0)
    answer = ask(headers, "words: 400", stream=True)
    pieces = iter(answer.streaming_content)
    seen = next(pieces)
    ENDS[end](cast)
    seen += b"".join(pieces)
    assert b"permission_denied" in seen
    assert b"[DONE]" not in seen
    row = Exchange.objects.get(project_slug="assistant")
    assert (row.outcome, bool(row.closed_at)) == ("permission_denied", True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("budget", [None, Decimal(5)])
@pytest.mark.parametrize("end", ["deleted", "its team deleted"])
def test_another_process_that_still_knows_it_refuses(model_server, end, budget):
    """Its caches are seconds old: it answers as if it knew, and never with an error of its own."""
    cast = build_cast()
    connect(cast, model_server)
    headers = cast.bearer(cast.marco)
    Project.objects.filter(slug="assistant").update(monthly_budget=budget)
    widget = Widget.objects.create(
        project=cast.assistant, name="Ask us", allowed_domains=["shop.example.com"]
    )
    assert ask(headers).status_code == 200
    with mock.patch.object(routes._cache, "clear"):
        ENDS[end](cast)
    assert ask(headers).status_code in (401, 403, 404)
    assert ask(headers).status_code in (401, 403, 404)
    assert not Exchange.objects.filter(closed_at__isnull=True).exists()
    assert not Widget.objects.filter(pk=widget.pk).exists()
    assert User.objects.filter(pk=cast.marco.pk).exists()


def test_a_project_that_was_deleted_meanwhile_is_not_found(cast):
    same = Project.objects.get(pk=cast.assistant.pk)
    delete_project(by=cast.adam, project=cast.assistant)
    with pytest.raises(Refusal) as refused:
        delete_project(by=cast.adam, project=same)
    assert refused.value.code == "not_found"
