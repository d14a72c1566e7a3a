"""Teams end, and people leave them: access ends at once, nothing is orphaned or half done, and what was spent stays."""

from decimal import Decimal

import pytest
from django.db import connection, models, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Key, PendingChange, Session, User
from audit.models import Entry
from guards.models import Guard, GuardEvent
from portal import keyring, tenancy
from portal.models import DataKey
from projects.models import Exchange, KeyProject, KeySpend, Project, ProjectMember, Spend
from teams.actions import LastOwner, add_member, remove_member
from teams.models import Membership, Team, TeamArchive
from teams.removal_actions import archive_team, delete_team, leave_team, unarchive_team
from tests.accounts.test_sessions import signed_in
from tests.accounts.test_tokens_api import get_tokens, me, refreshed
from tests.histories import (
    NEVER_WRITTEN,
    foreign_keys,
    orphans,
    reached_from,
    snapshot,
    with_history,
)
from widget.models import Widget

PEOPLE = ("olivia", "adam", "marco", "vera", "rita")


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def page_of(team, verb):
    return f"/admin/teams/team/{team.pk}/{verb}/"


# Everything that points at what goes

ENDS = {
    "the team": (
        lambda cast: cast.research,
        lambda cast, row: delete_team(by=cast.olivia, team=row),
    ),
    "the project": (lambda cast: cast.assistant, lambda cast, row: _delete_project(cast, row)),
    "the person": (lambda cast: cast.marco, lambda cast, row: row.delete()),
    "the key": (lambda cast: cast.his, lambda cast, row: row.delete()),
}


def _delete_project(cast, row):
    from projects.removal_actions import delete_project

    delete_project(by=cast.olivia, project=row)


@pytest.mark.parametrize("what", ENDS)
def test_the_history_has_a_row_of_everything_that_points_there(cast, what):
    """A foreign key that comes later has its row in `tests/histories.py`, or this fails."""
    with_history(cast)
    archive_team(by=cast.admin, team=cast.research)
    row = ENDS[what][0](cast)
    found = reached_from(row)
    assert len(found) >= 4
    assert {name for name, rows in found.items() if not rows} - set(NEVER_WRITTEN) == set()


@pytest.mark.parametrize("what", ENDS)
def test_with_a_history_it_goes_and_leaves_no_orphan(cast, what):
    with_history(cast)
    find, end = ENDS[what]
    row = find(cast)
    before = reached_from(row)
    label, key = type(row), row.pk
    with tenancy.tenant(tenancy.EVERYTHING):
        end(cast, row)
    connection.check_constraints()
    assert orphans() == []
    assert not label._base_manager.filter(pk=key).exists()
    for model, field in foreign_keys():
        name = f"{model._meta.label}.{field.name}"
        left = model._base_manager.filter(pk__in=before.get(name, ()))
        if field.remote_field.on_delete is models.CASCADE and field.related_model is label:
            assert not left.exists(), name


WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


class Killed(Exception):
    """The process dies here."""


def killer(at):
    """Lets so many writing statements through, and dies at the next; `seen` says how many there were."""

    def wrapper(execute, sql, params, many, context):
        if sql.lstrip().startswith(WRITES):
            wrapper.seen += 1
            if wrapper.seen > at:
                raise Killed
        return execute(sql, params, many, context)

    wrapper.seen = 0
    return wrapper


@pytest.mark.parametrize("what", ["the team", "the project"])
def test_killed_at_any_statement_nothing_is_half_done(cast, what):
    with_history(cast)
    find, end = ENDS[what]
    before, at = snapshot(), 0
    while True:
        wrapper = killer(at)
        try:
            with transaction.atomic(), connection.execute_wrapper(wrapper):
                end(cast, find(cast))
        except Killed:
            row = find(cast)
            row.refresh_from_db()  # a deed that failed leaves the object, but without its key
            assert snapshot() == before, at
            at += 1
            continue
        break
    assert at > 15
    assert wrapper.seen == at
    assert orphans() == []


# What goes and what stays


def test_money_already_spent_stays_spent(cast):
    with_history(cast)
    delete_team(by=cast.admin, team=cast.research)
    row = Exchange.objects.get(project_slug="assistant")
    assert (row.cost, row.user, row.key) == (Decimal("0.000007"), cast.marco, cast.his)
    assert (row.team, row.project, row.conversation, row.question, row.answer) == (None,) * 5
    assert KeySpend.objects.get().spent_micros == 7
    assert not Spend.objects.exists()
    assert GuardEvent.objects.filter(project_slug="assistant", team=None).exists()
    assert not Guard.objects.filter(slug="own").exists()
    assert not Widget.objects.filter(name="Chat").exists()
    kept = KeyProject.objects.filter(key=cast.his)
    assert [(row.project, row.key) for row in kept] == [(None, cast.his)] * 2


def test_a_key_that_was_confined_there_reaches_nothing_afterwards(cast):
    Membership.objects.create(team=cast.support, user=cast.marco, role="member")
    headers = cast.bearer(cast.marco, projects=["assistant"])
    delete_team(by=cast.admin, team=cast.research)
    client = Client()
    assert client.get("/v1/models", headers=headers).json()["data"] == []
    body = {"message": "say: x"}
    answer = client.post("/api/projects/helpdesk/chat/", body, "application/json", headers=headers)
    assert answer.status_code == 404


@pytest.mark.parametrize("decided", [False, True])
def test_its_data_key_goes_with_all_that_was_under_it(cast, decided):
    """Prompts are then in no backup either; a change that was decided stays, and stays readable."""
    cast.assistant.system_prompt = "Be kind."
    cast.assistant.save()
    team = cast.research.pk if decided else None
    change = PendingChange.objects.create(
        team_id=team, verb="change", content={"a": 1}, expires_at=timezone.now()
    )
    owner = keyring.team(cast.research.pk)
    assert DataKey.objects.filter(owner=owner, destroyed_at=None).exists()
    delete_team(by=cast.olivia, team=Team.objects.get(pk=cast.research.pk))
    assert keyring.is_destroyed(owner) is not decided
    assert PendingChange.objects.get(pk=change.pk).content == {"a": 1}


def test_the_trail_has_who_deleted_what(cast):
    browser(cast.olivia).post(page_of(cast.research, "delete"), {"name": "Research"})
    found = Entry.objects.filter(
        target_type="teams.Team", team_id=cast.research.pk, action="delete"
    )
    assert found.get().actor_id == str(cast.olivia.pk)
    gone = Entry.objects.filter(target_type="projects.Project", action="delete")
    assert gone.count() == 2


# Doors


def test_the_page_says_what_goes_and_asks_for_the_name(cast):
    with_history(cast)
    client = browser(cast.olivia)
    text = client.get(page_of(cast.research, "delete")).content.decode()
    for words in (
        "2 projects.",
        "1 conversation",
        "1 guard of its own",
        "1 widget",
        "6 memberships",
    ):
        assert words in text
    for words in ("1 line of the usage log", "1 key that is confined here", "1 guard event"):
        assert words in text
    for name in ("", "research", "Support"):
        assert client.post(page_of(cast.research, "delete"), {"name": name}).status_code == 422
    assert Team.objects.filter(slug="research").exists()
    answer = client.post(page_of(cast.research, "delete"), {"name": "Research"})
    assert answer.status_code == 302
    assert not Team.objects.filter(slug="research").exists()
    assert client.get("/admin/").status_code == 302  # signed out, with everybody of the team


def test_who_did_not_prove_lately_who_they_are_is_asked(cast):
    client = browser(cast.olivia)
    session = client.session
    session["fresh_at"] = 0
    session.save()
    answer = client.post(page_of(cast.research, "delete"), {"name": "Research"})
    assert answer.status_code == 403
    assert "Confirm who you are" in answer.content.decode()
    assert client.delete("/api/teams/research/").status_code == 403
    key = cast.bearer(cast.olivia)
    assert Client().delete("/api/teams/research/", headers=key).status_code == 403
    assert Team.objects.filter(slug="research").exists()


#: what each may do with research: archive, bring back, delete
DEEDS = {
    "admin": (302, 302, 302),
    "olivia": (302, 404, 302),
    "adam": (403, 404, 403),
    "auditor": (403, 403, 403),
    "marco": (403, 403, 403),
    "vera": (403, 403, 403),
    "rita": (403, 403, 403),
    "sam": (404, 404, 404),
}


@pytest.mark.parametrize("name", DEEDS)
def test_who_archives_brings_back_and_deletes_in_the_console(cast, name):
    client = browser(getattr(cast, name))
    archive, back, delete = DEEDS[name]
    for method in (client.get, client.post):
        wanted = 200 if archive == 302 and method == client.get else archive
        assert method(page_of(cast.research, "archive")).status_code == wanted
    assert TeamArchive.objects.exists() == (archive == 302)
    archive_team(by=cast.admin, team=cast.research)
    client = browser(User.objects.get(email=f"{name}@example.com"))
    assert client.post(page_of(cast.research, "unarchive")).status_code == (
        403 if name in ("olivia", "adam") else back
    )
    assert TeamArchive.objects.exists() == (name != "admin")
    unarchive_team(by=cast.admin, team=cast.research)
    client = browser(User.objects.get(email=f"{name}@example.com"))
    answer = client.post(page_of(cast.research, "delete"), {"name": "Research"})
    assert answer.status_code == delete
    assert Team.objects.filter(slug="research").exists() == (delete != 302)


@pytest.mark.parametrize("name", DEEDS)
def test_who_archives_brings_back_and_deletes_by_the_api(cast, name):
    may = name in ("admin", "olivia")
    refused = 404 if name == "sam" else 403
    client = browser(getattr(cast, name))
    answer = client.post("/api/teams/research/archive/")
    assert answer.status_code == (204 if may else refused)
    archive_team(by=cast.admin, team=cast.research)
    client = browser(User.objects.get(email=f"{name}@example.com"))
    answer = client.post("/api/teams/research/unarchive/")
    seen = name in ("admin", "auditor")
    assert answer.status_code == (204 if name == "admin" else 403 if seen else 404)
    if seen:
        shown = client.get("/api/teams/research/").json()["archived_at"]
        assert (shown is None) == (name == "admin")
    unarchive_team(by=cast.admin, team=cast.research)
    client = browser(User.objects.get(email=f"{name}@example.com"))
    answer = client.delete("/api/teams/research/")
    assert answer.status_code == (204 if may else refused)
    assert Team.objects.filter(slug="research").exists() != may


def test_a_key_archives_with_its_scope_and_not_without(cast):
    client = Client()
    for scope, status in (("teams:read", 403), ("teams:write", 204)):
        headers = cast.bearer(cast.admin, scopes=[scope])
        answer = client.post("/api/teams/research/archive/", headers=headers)
        assert answer.status_code == status


# An archived team


def test_archiving_ends_everything_at_once(cast):
    here, got = signed_in("marco@example.com"), get_tokens("marco@example.com")
    keys = {name: cast.bearer(getattr(cast, name)) for name in ("olivia", "marco", "admin")}
    body = {"message": "say: x"}

    def ask(headers):
        return Client().post(
            "/api/projects/assistant/chat/", body, "application/json", headers=headers
        )

    assert [ask(headers).status_code for headers in keys.values()] == [200] * 3
    archive_team(by=cast.admin, team=cast.research)
    assert here.get("/").status_code == 302
    assert me(got["access"]).status_code == refreshed(got["refresh"]).status_code == 401
    assert [ask(headers).status_code for headers in keys.values()] == [404] * 3
    for name in PEOPLE:
        client = browser(User.objects.get(email=f"{name}@example.com"))
        assert "assistant" not in client.get("/").content.decode()
        assert client.get("/playground/assistant/").status_code == 404
        assert "Research" not in client.get("/account/").content.decode()
        assert client.get("/admin/").status_code == 403
        assert client.get("/api/teams/").json()["results"] == []
        assert client.get("/api/projects/").json()["results"] == []
    for name in ("admin", "auditor"):
        client = browser(User.objects.get(email=f"{name}@example.com"))
        assert client.get("/api/projects/assistant/").status_code == 200
        assert client.get("/playground/assistant/").status_code == 404
        assert client.get(page_of(cast.research, "change")).status_code == 200


def test_it_comes_back_as_it_was(cast):
    talk = cast.assistant.conversations.create(user=cast.marco)
    page = f"/playground/assistant/{talk.uid}/"
    archive_team(by=cast.admin, team=cast.research)
    marco = browser(User.objects.get(pk=cast.marco.pk))
    assert marco.get(page).status_code == 404
    unarchive_team(by=cast.admin, team=cast.research)
    assert marco.get(page).status_code == 200
    assert Membership.objects.filter(team=cast.research).count() == len(PEOPLE)


def test_twice_is_once(cast):
    for _time in range(2):
        archive_team(by=cast.admin, team=cast.research)
    epochs = set(User.objects.filter(teams=cast.research).values_list("session_epoch", flat=True))
    assert (TeamArchive.objects.count(), epochs) == (1, {1})
    for _time in range(2):
        unarchive_team(by=cast.admin, team=cast.research)
    assert not TeamArchive.objects.exists()


def test_what_an_archived_team_demands_is_demanded_no_more(cast):
    Team.objects.filter(pk=cast.research.pk).update(second_factor_required=True)
    assert User.objects.get(pk=cast.marco.pk).second_factor_state == "due"
    archive_team(by=cast.admin, team=cast.research)
    assert User.objects.get(pk=cast.marco.pk).second_factor_state == "off"
    assert browser(User.objects.get(pk=cast.marco.pk)).get("/").status_code == 200


def test_nobody_is_reminded_of_what_an_archived_team_spent(cast):
    cast.research.monthly_budget = 0
    cast.research.save()
    words, page = "has spent its budget", browser(cast.admin).get("/admin/").content.decode()
    assert words in page
    assert "$0 remain" in page
    archive_team(by=cast.admin, team=cast.research)
    page = browser(cast.admin).get("/admin/").content.decode()
    assert words not in page
    assert "$0 remain" not in page


def test_the_list_tells_archived_teams_from_those_in_use(cast):
    archive_team(by=cast.admin, team=cast.support)
    client = browser(cast.admin)
    for wanted, shown in (
        ("yes", {"Support"}),
        ("no", {"Research"}),
        ("", {"Support", "Research"}),
    ):
        rows = client.get(f"/admin/teams/team/?archived={wanted}").context["cl"].result_list
        assert {row.name for row in rows} == shown


# Leaving


def leave_page(team="research"):
    return f"/account/teams/{team}/leave/"


@pytest.mark.parametrize("name", ["adam", "marco", "vera"])
def test_a_person_leaves_by_themselves(cast, name):
    user = getattr(cast, name)
    other, got = signed_in(user.email), get_tokens(user.email)
    client = browser(user)
    assert "Leave" in client.get("/account/").content.decode()
    assert "Leave Research?" in client.get(leave_page()).content.decode()
    assert Membership.objects.filter(user=user).exists()
    answer = client.post(leave_page())
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert not Membership.objects.filter(user=user).exists()
    assert other.get("/").status_code == 302
    assert me(got["access"]).status_code == refreshed(got["refresh"]).status_code == 401
    assert "You left Research" in client.get("/account/").content.decode()  # this session goes on
    assert client.get("/playground/assistant/").status_code == 404
    entry = Entry.objects.filter(target_type="teams.Membership", action="delete").get()
    assert (entry.actor_id, entry.team_id) == (str(user.pk), cast.research.pk)


def test_the_last_owner_does_not_leave(cast):
    client = browser(cast.olivia)
    answer = client.post(leave_page())
    assert answer.status_code == 409
    assert "only owner" in answer.content.decode()
    with pytest.raises(LastOwner):
        leave_team(by=cast.olivia, team=cast.research)
    add_member(by=cast.admin, team=cast.research, user=cast.sam, role="owner")
    assert client.post(leave_page()).status_code == 302
    assert Membership.objects.filter(team=cast.research, role="owner").get().user == cast.sam


@pytest.mark.parametrize("flag", ["is_active", "is_restricted"])
def test_an_owner_who_cannot_act_does_not_count(cast, flag):
    add_member(by=cast.admin, team=cast.research, user=cast.sam, role="owner")
    User.objects.filter(pk=cast.sam.pk).update(**{flag: flag == "is_restricted"})
    assert browser(cast.olivia).post(leave_page()).status_code == 409
    sams = Membership.objects.get(team=cast.research, user=cast.sam)
    assert browser(cast.olivia).delete(f"/api/memberships/{sams.pk}/").status_code == 204


def test_whom_groups_put_there_leaves_with_them(cast):
    """The page offers nothing that the deed refuses."""
    Membership.objects.filter(user=cast.marco).update(from_groups=True)
    client = browser(cast.marco)
    shown = client.get(leave_page())
    assert "Your groups put you into this team" in shown.content.decode()
    assert "Leave team" not in shown.content.decode()
    answer = client.post(leave_page())
    assert answer.status_code == 409
    assert "Your groups put you into this team" in answer.content.decode()
    assert Membership.objects.filter(user=cast.marco).exists()


def test_nobody_leaves_what_they_are_not_in(cast):
    for name in ("sam", "admin", "auditor"):
        assert browser(getattr(cast, name)).post(leave_page()).status_code == 404
    rita = browser(cast.rita)
    assert rita.get(leave_page()).status_code == rita.post(leave_page()).status_code == 403
    assert "Leave" not in rita.get("/account/").content.decode()
    assert Client().get(leave_page()).status_code == 302
    archive_team(by=cast.admin, team=cast.research)
    marco = browser(User.objects.get(pk=cast.marco.pk))
    assert marco.post(leave_page()).status_code == 404
    assert Membership.objects.filter(team=cast.research).count() == len(PEOPLE)


# Assignments do not come back with the person


def by_leaving(cast):
    leave_team(by=cast.marco, team=cast.research)


def by_removal(cast):
    membership = Membership.objects.get(user=cast.marco, team=cast.research)
    remove_member(by=cast.olivia, membership=membership)


def by_a_bulk_deletion(cast):
    Membership.objects.filter(user=cast.marco, team=cast.research).delete()


def by_the_api(cast):
    membership = Membership.objects.get(user=cast.marco, team=cast.research)
    assert browser(cast.olivia).delete(f"/api/memberships/{membership.pk}/").status_code == 204


@pytest.mark.parametrize("door", [by_leaving, by_removal, by_a_bulk_deletion, by_the_api])
def test_assignments_go_with_the_membership_and_do_not_come_back(cast, door):
    elsewhere = ProjectMember.objects.create(project=cast.helpdesk, user=cast.marco)
    others = ProjectMember.objects.create(project=cast.drafts, user=cast.adam)
    assert Project.objects.chattable_by(cast.marco).filter(slug="drafts").exists()
    door(cast)
    assert Entry.objects.filter(target_type="projects.ProjectMember", action="delete").count() == 1
    add_member(by=cast.olivia, team=cast.research, user=cast.marco, role="member")
    assert not Project.objects.chattable_by(cast.marco).filter(slug="drafts").exists()
    kept = ProjectMember.objects.filter(pk__in=[elsewhere.pk, others.pk])
    assert kept.count() == 2


def test_a_key_stays_confined_to_what_its_owner_left(cast):
    headers = cast.bearer(cast.marco, projects=["drafts"])
    by_leaving(cast)
    assert Client().get("/v1/models", headers=headers).json()["data"] == []
    assert KeyProject.objects.filter(key=Key.objects.get()).count() == 1
    assert not Session.objects.live().filter(user=cast.marco).exists()
