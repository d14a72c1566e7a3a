"""The doors of the matrix, its explanation and its simulation: who may ask, for which part, and what they are told."""

import csv
import io
import time

import pytest
from django.test import Client

from accounts.actions import end_sessions
from accounts.models import User
from audit.models import Entry
from portal.context import SYSTEM, acting
from portal.errors import Refusal
from projects.access import export, pages, simulation
from projects.access.explain import explain
from projects.access.loading import Selection
from projects.models import KeyProject, Project, ProjectMember
from teams import actions, groups
from teams.models import CustomRole, Grant, Group, GroupMapping, Membership, Team, TeamArchive
from tests.cast import PASSWORD

MATRIX, EXPLAIN, SIMULATE = (
    f"/api/permissions/{what}" for what in ("matrix", "explain", "simulate")
)


def client_of(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def admin(cast):
    """The platform admin, who has just signed in."""
    return fresh(client_of(cast.admin))


def fresh(client):
    session = client.session
    session["fresh_at"] = int(time.time())
    session.save()
    return client


def cells(answer):
    """The answer's rows, by name and project."""
    body = answer.json()
    names = {user["id"]: user["email"].partition("@")[0] for user in body["users"]}
    return {(names[row["user"]], row["project"]): row["via"] for row in body["assignments"]}


def simulated(client, *changes):
    answer = client.post(SIMULATE, {"changes": list(changes)}, "application/json")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["counts"] == {kind: len(body[kind]) for kind in ("gained", "lost", "changed")}
    return {
        kind: {(row["email"].partition("@")[0], row["project"]) for row in body[kind]}
        for kind in ("gained", "lost")
    } | {"changed": [(pair["before"], pair["after"]) for pair in body["changed"]]}


# -- the matrix ------------------------------------------------------------------------------------------------------


def test_the_matrix_has_the_shape_of_the_contract(cast, admin):
    own = CustomRole.objects.create(team=cast.research, name="Writers", base="member")
    Membership.objects.filter(user=cast.marco).update(custom_role=own)
    body = admin.get(MATRIX).json()
    assert set(body) == {"users", "projects", "assignments", "next"}
    marco = next(user for user in body["users"] if user["email"] == "marco@example.com")
    assert marco == {
        "id": cast.marco.pk,
        "email": "marco@example.com",
        "is_admin": False,
        "is_auditor": False,
        "is_restricted": False,
        "is_active": True,
        "teams": [{"slug": "research", "role": "member", "custom_role": "Writers"}],
    }
    assert body["projects"][0] == {
        "slug": "assistant",
        "name": "Assistant",
        "team": "research",
        "visibility": "public",
        "is_open": True,
    }
    drafts = {"user": cast.marco.pk, "project": "drafts", "role": "member", "via": "member"}
    assert drafts | {"custom_role": "Writers", "chats": True} in body["assignments"]
    assert len(body["users"]) == 8
    assert body["next"] is None


@pytest.mark.parametrize("path", ["/api/permissions/matrix", "/permissions/matrix"])
def test_it_answers_at_both_addresses_with_a_slash_and_without(cast, admin, path):
    whole = admin.get(MATRIX).json()
    assert admin.get(path).json() == admin.get(f"{path}/").json() == whole
    assert Client().get(path).status_code == 401
    assert client_of(cast.marco).get(path).json()["error"]["code"] == "permission_denied"


def test_team_admins_see_their_team_and_nobody_who_is_not_in_it(cast):
    Membership.objects.create(team=cast.support, user=cast.marco, role="member")
    answer = client_of(cast.adam).get(MATRIX)
    assert {user["email"].partition("@")[0] for user in answer.json()["users"]} == {
        *("olivia", "adam", "marco", "vera", "rita")
    }
    assert {row["slug"] for row in answer.json()["projects"]} == {"assistant", "drafts"}
    assert "support" not in answer.content.decode()
    assert cells(answer)["marco", "drafts"] == "member"


def test_a_custom_role_that_keeps_not_the_right_does_not_see_the_matrix(cast):
    own = CustomRole.objects.create(
        team=cast.research, name="Deputies", base="admin", permissions=["projects.view_project"]
    )
    adam = Membership.objects.get(user=cast.adam)
    adam.custom_role = own
    adam.save()
    assert client_of(cast.adam).get(MATRIX).status_code == 403
    own.permissions = ["projects.view_access"]
    own.save()
    assert client_of(cast.adam).get(MATRIX).status_code == 200


def test_filters_narrow_it_and_what_one_does_not_see_is_not_there(cast, admin):
    whole = cells(admin.get(MATRIX))
    for query, kept in (
        ({"team": "support"}, lambda cell: cell[1] == "helpdesk"),
        ({"user": "MARCO@example.com"}, lambda cell: cell[0] == "marco"),
        ({"project": "drafts"}, lambda cell: cell[1] == "drafts"),
        (
            {"project": "drafts", "user": "vera@example.com"},
            lambda cell: cell == ("vera", "drafts"),
        ),
    ):
        expected = {cell: via for cell, via in whole.items() if kept(cell)}
        assert cells(admin.get(MATRIX, query)) == expected, query
    assert "rita@" not in admin.get(MATRIX, {"project": "drafts"}).content.decode()
    olivia = client_of(cast.olivia)
    for query in (
        {"team": "support"},
        {"user": "sam@example.com"},
        {"user": "admin@example.com"},
        {"project": "helpdesk"},
        {"team": "nowhere"},
    ):
        for answer in (
            olivia.get(MATRIX, query),
            fresh(olivia).get(MATRIX, query | {"format": "csv"}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), query


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "x"),
        ("cursor", "x"),
        ("cursor", "dTE!"),
        ("format", "xml"),
        ("team", "x" * 65),
    ],
)
def test_what_is_no_query_is_refused_by_field(cast, admin, field, value):
    answer = admin.get(MATRIX, {field: value})
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def walk(client, limit, between=lambda: None):
    cursor, seen = "", []
    while cursor is not None:
        body = client.get(MATRIX, {"limit": limit, "cursor": cursor}).json()
        assert len(body["users"]) <= limit
        seen += [user["email"] for user in body["users"]]
        cursor = body["next"]
        between()
    return seen


def test_the_cursor_shows_everybody_once_while_others_are_added_and_removed(cast, admin):
    before = list(User.objects.order_by("pk").values_list("email", flat=True))
    assert walk(admin, 3) == before
    names = iter(f"new{number}@example.com" for number in range(3))

    def somebody_comes_and_somebody_goes():
        if (name := next(names, None)) is not None:
            User.objects.create(email=name)

    assert walk(admin, 3, somebody_comes_and_somebody_goes)[: len(before)] == before
    gone = iter([cast.olivia, cast.adam])

    def somebody_goes():
        if (person := next(gone, None)) is not None:
            Membership.objects.filter(user=person).delete()

    assert len(set(walk(admin, 2, somebody_goes))) == User.objects.count()


def test_a_page_ends_early_where_people_reach_very_much(cast, admin, monkeypatch):
    whole = cells(admin.get(MATRIX))
    monkeypatch.setattr(pages, "ROWS", 2)
    cursor, seen, count = "", {}, 0
    while cursor is not None:
        answer = admin.get(MATRIX, {"cursor": cursor})
        cursor, count = answer.json()["next"], count + 1
        assert len(answer.json()["assignments"]) <= 2 + 3
        seen |= cells(answer)
    assert (seen, count > 2) == (whole, True)


def test_inactive_people_and_what_is_archived_have_no_rows(cast, admin):
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    TeamArchive.objects.create(team=cast.support)
    answer = admin.get(MATRIX)
    found = cells(answer)
    assert not [cell for cell in found if cell[0] == "marco" or cell[1] == "helpdesk"]
    assert "helpdesk" not in [row["slug"] for row in answer.json()["projects"]]
    assert next(u for u in answer.json()["users"] if u["id"] == cast.sam.pk)["teams"] == []


# -- CSV -------------------------------------------------------------------------------------------------------------


def file_of(answer):
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def test_the_csv_has_the_same_rows(cast, admin):
    CustomRole.objects.create(team=cast.research, name="=cmd()", base="viewer")
    Membership.objects.filter(user=cast.vera).update(custom_role=CustomRole.objects.get())
    answer = admin.get(MATRIX, {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="access-')
    assert answer["Cache-Control"] == "no-store"
    rows = file_of(answer)
    whole = cells(admin.get(MATRIX))
    assert {(row["email"].partition("@")[0], row["project"]): row["via"] for row in rows} == whole
    assert len(rows) == len(whole)
    vera = next(row for row in rows if row["email"].startswith("vera"))
    assert (vera["role"], vera["custom_role"], vera["chats"]) == ("viewer", "'=cmd()", "no")


def test_an_address_that_is_a_formula_stays_text(cast, admin):
    person = User.objects.create(email="=1+1@example.com")
    Membership.objects.create(team=cast.research, user=person, role="member")
    assert "'=1+1@example.com" in {
        row["email"] for row in file_of(admin.get(MATRIX, {"format": "csv"}))
    }


def test_the_csv_of_a_part_is_that_part(cast, admin):
    rows = file_of(admin.get(MATRIX, {"format": "csv", "project": "drafts", "limit": 1}))
    assert {row["project"] for row in rows} == {"drafts"}
    assert len(rows) == 5
    rows = file_of(fresh(client_of(cast.olivia)).get(MATRIX, {"format": "csv"}))
    assert {row["team"] for row in rows} == {"research"}
    assert "admin@example.com" not in {row["email"] for row in rows}


def test_the_csv_asks_anew_who_one_is_and_leaves_an_entry(cast, admin):
    stale = client_of(cast.admin)
    session = stale.session
    session["fresh_at"] = int(time.time()) - 3600
    session.save()
    refused = stale.get(MATRIX, {"format": "csv"})
    assert refused.json()["error"]["code"] == "fresh_authentication_required"
    by_key = Client().get(MATRIX, {"format": "csv"}, headers=cast.bearer(cast.admin))
    assert by_key.json()["error"]["code"] == "fresh_authentication_required"
    assert not Entry.objects.filter(action="access_exported").exists()
    file_of(admin.get(MATRIX, {"format": "csv", "team": "support"}))
    entry = Entry.objects.get(action="access_exported")
    assert entry.actor_label == "admin@example.com"
    assert entry.changes == {"team": [None, cast.support.pk]}


def test_no_entry_no_csv(cast, admin, monkeypatch):
    from audit import trail

    monkeypatch.setattr(trail, "_COLUMNS", [])
    answer = admin.get(MATRIX, {"format": "csv"})
    assert answer.status_code >= 500
    assert not getattr(answer, "streaming", False)


def test_the_file_breaks_off_when_the_session_ends(cast, admin, monkeypatch):
    monkeypatch.setattr(export, "PIECE", 1)
    monkeypatch.setattr(export, "CHUNK", 1)
    pieces = iter(admin.get(MATRIX, {"format": "csv"}))
    assert next(pieces).startswith(b"user,email,project,")
    end_sessions(by=cast.admin, user=cast.admin)
    with pytest.raises(Refusal) as refusal:
        list(pieces)
    assert refusal.value.code == "not_authenticated"


def test_the_file_breaks_off_when_the_right_goes_and_the_session_stays(cast, monkeypatch):
    """Who gives up the team they read of stays signed in."""
    monkeypatch.setattr(export, "PIECE", 1)
    monkeypatch.setattr(export, "CHUNK", 1)
    pieces = iter(fresh(client_of(cast.olivia)).get(MATRIX, {"format": "csv"}))
    assert next(pieces).startswith(b"user,email,project,")
    Membership.objects.filter(user=cast.olivia).update(role="member")
    with pytest.raises(Refusal) as refusal:
        list(pieces)
    assert refusal.value.code == "permission_denied"


def test_the_file_breaks_off_when_one_of_the_teams_it_is_of_goes(cast, monkeypatch):
    monkeypatch.setattr(export, "PIECE", 1)
    monkeypatch.setattr(export, "CHUNK", 1)
    second = Membership.objects.create(team=cast.support, user=cast.olivia, role="admin")
    pieces = iter(fresh(client_of(cast.olivia)).get(MATRIX, {"format": "csv"}))
    assert next(pieces).startswith(b"user,email,project,")
    Membership.objects.filter(pk=second.pk).update(role="member")
    with pytest.raises(Refusal) as refusal:
        list(pieces)
    assert refusal.value.code == "permission_denied"


def test_by_token_the_csv_is_for_who_proved_lately_who_they_are(cast):
    body = {"email": "admin@example.com", "password": PASSWORD}
    access = Client().post("/api/auth/token/", body, "application/json").json()["access"]
    headers = {"authorization": f"Bearer {access}"}
    assert len(file_of(Client().get(MATRIX, {"format": "csv"}, headers=headers))) > 8


# -- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_needs_its_scope_and_is_not_confined(cast):
    for scopes, status in ((["permissions:read"], 200), (["manage"], 200), (["teams:read"], 403)):
        headers = cast.bearer(cast.admin, scopes=scopes)
        assert Client().get(MATRIX, headers=headers).status_code == status
        answer = Client().post(SIMULATE, {}, "application/json", headers=headers)
        assert answer.status_code == (422 if status == 200 else 403)
    headers = cast.bearer(cast.admin)
    KeyProject.objects.create(key=cast.admin.keys.order_by("pk").last(), project=cast.assistant)
    query = {"user": "marco@example.com", "project": "assistant"}
    assert Client().get(MATRIX, headers=headers).status_code == 403
    assert Client().get(EXPLAIN, query, headers=headers).status_code == 403
    answer = Client().post(SIMULATE, {"changes": []}, "application/json", headers=headers)
    assert answer.status_code == 403


# -- explain ---------------------------------------------------------------------------------------------------------


def explained(client, user, project="assistant"):
    answer = client.get(EXPLAIN, {"user": f"{user}@example.com", "project": project})
    assert answer.status_code == 200, answer.content
    return answer.json() | {"words": " ".join(answer.json()["because"])}


def test_it_explains_each_path(cast, admin):
    for user, project, role, via, chats, words in (
        ("admin", "drafts", "platform-admin", "platform-admin", True, "is a platform admin"),
        ("olivia", "drafts", "owner", "team-admin", True, "in the team Research as owner"),
        ("marco", "drafts", "member", "member", True, "is assigned to it"),
        ("marco", "assistant", "member", "public", True, "is public in the team Research"),
        ("vera", "drafts", "viewer", "team-viewer", False, "may not chat"),
        ("vera", "assistant", "viewer", "public", False, "may not chat"),
        ("rita", "assistant", "member", "member", True, "is restricted"),
    ):
        found = explained(admin, user, project)
        assert (found["allowed"], found["role"], found["via"]) == (True, role, via), user
        assert (found["chats"], found["open"]) == (chats, True), user
        assert words in found["words"], (user, found["words"])


def test_it_explains_why_somebody_does_not_reach_it(cast, admin):
    ProjectMember.objects.create(project=cast.helpdesk, user=cast.vera)
    ProjectMember.objects.create(project=cast.drafts, user=cast.vera)
    for user, project, words in (
        ("sam", "assistant", "is not in the team Research"),
        ("rita", "drafts", "is not assigned to it"),
        ("auditor", "assistant", "is an auditor: they read what there is, which is no access"),
        ("vera", "helpdesk", "counts only while they are in its team"),
    ):
        found = explained(admin, user, project)
        assert (found["allowed"], found["role"], found["via"], found["chats"]) == (
            *(False, None, None),
            False,
        )
        assert words in found["words"], (user, found["words"])
        assert found["because"][-1] == f"So {user}@example.com does not reach it."
    assert "viewers have not" in explained(admin, "vera", "drafts")["words"]


def test_it_names_what_is_off_archived_or_not_allowed(cast, admin):
    cast.research.allowed_regions = "eu"
    cast.research.allowed_addresses = "203.0.113.0/24"
    cast.research.second_factor_required = True
    cast.research.save()
    Grant.objects.filter(team=cast.research).delete()
    Project.objects.filter(pk=cast.assistant.pk).update(is_active=False)
    provider = cast.model.provider
    cast.model.is_active = False
    provider.kind, provider.base_url = "openai", "https://api.example.com/v1"
    provider.is_active, provider.region = False, "us"
    provider.set_secret("sk-test-0123456789abcdef")
    provider.save()
    cast.model.save()
    found = explained(admin, "marco")
    assert (found["allowed"], found["chats"], found["open"]) == (True, True, False)
    for words in (
        "The project is switched off.",
        f"Its team is not granted the model {cast.model.name}.",
        f"The model {cast.model.name} is switched off.",
        f"The provider {provider.name} is switched off.",
        f"The team's regions (eu) do not allow the provider {provider.name}.",
        "So nobody can ask it right now.",
        "from these addresses only: 203.0.113.0/24.",
        "marco@example.com must set up a second factor",
    ):
        assert words in found["words"]
    TeamArchive.objects.create(team=cast.research)
    assert "The team Research is archived" in explained(admin, "marco")["words"]
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    assert explained(admin, "marco")["because"][0].endswith("is deactivated; it reaches nothing.")


def test_it_names_the_custom_role_and_the_groups(cast, admin):
    own = CustomRole.objects.create(team=cast.support, name="Writers", base="member")
    group = Group.objects.create(name="Help")
    GroupMapping.objects.create(group=group, team=cast.support, role="member", custom_role=own)
    with acting(SYSTEM):
        groups.set_members_of(by=cast.admin, group=group, users=[cast.marco])
    found = explained(admin, "marco", "helpdesk")
    assert (found["role"], found["custom_role"]) == ("member", "Writers")
    assert "as member, in its own role “Writers”" in found["words"]
    assert "Groups gave this role: Help." in found["words"]


def test_explain_tells_team_admins_of_their_team_only(cast):
    olivia = client_of(cast.olivia)
    assert explained(olivia, "marco")["allowed"]
    for query in (
        {"user": "sam@example.com", "project": "assistant"},
        {"user": "marco@example.com", "project": "helpdesk"},
        {"user": "nobody@example.com", "project": "assistant"},
    ):
        assert olivia.get(EXPLAIN, query).status_code == 404
    assert olivia.get(EXPLAIN, {"user": "x"}).json()["error"]["fields"].keys() == {"project"}
    for person in (cast.marco, cast.vera, cast.rita):
        query = {"user": person.email, "project": "assistant"}
        assert client_of(person).get(EXPLAIN, query).status_code == 403


def test_explain_tells_how_a_team_keeps_its_doors_to_those_who_see_its_settings_alone(cast):
    Team.objects.filter(pk=cast.research.pk).update(
        allowed_addresses="203.0.113.0/24", second_factor_required=True
    )
    Team.objects.filter(pk=cast.support.pk).update(second_factor_required=True)
    Membership.objects.create(team=cast.support, user=cast.marco, role="member")
    role = CustomRole.objects.create(
        team=cast.research, name="Matrix", base="admin", permissions=["projects.view_access"]
    )
    Membership.objects.filter(team=cast.research, user=cast.adam).update(custom_role=role)

    def told(by):
        wanted = Selection.of(by, user="marco@example.com", project="assistant")
        return " ".join(explain(by=by, selection=wanted).because)

    assert "203.0.113.0/24" in told(cast.olivia)
    assert "must set up a second factor" in told(cast.olivia)
    assert "203.0.113.0/24" not in told(cast.adam)
    assert "second factor" not in told(cast.adam)
    Team.objects.filter(pk=cast.research.pk).update(second_factor_required=False)
    assert "second factor" not in told(cast.olivia)
    assert "must set up a second factor" in told(cast.admin)


def test_explain_knows_that_the_platform_demands_a_second_factor(cast, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    wanted = Selection.of(cast.admin, user="marco@example.com", project="assistant")
    found = explain(by=cast.admin, selection=wanted).because
    assert any("must set up a second factor" in words for words in found)


# -- simulation ------------------------------------------------------------------------------------------------------


def test_a_simulation_says_what_changes_and_changes_nothing(cast, admin):
    before, entries = cells(admin.get(MATRIX)), Entry.objects.count()
    found = simulated(
        admin,
        {"op": "add_member", "team": "research", "user": "sam@example.com", "role": "viewer"},
        {"op": "remove_member", "team": "research", "user": "marco@example.com"},
        {"op": "set_visibility", "project": "drafts", "visibility": "public"},
    )
    assert found["gained"] == {("sam", "assistant"), ("sam", "drafts")}
    assert found["lost"] == {("marco", "assistant"), ("marco", "drafts")}
    [(old, new)] = found["changed"]
    assert (old["email"], old["via"], new["via"]) == ("vera@example.com", "team-viewer", "public")
    assert cells(admin.get(MATRIX)) == before
    assert Entry.objects.count() == entries


@pytest.mark.parametrize(
    ("change", "gained", "lost", "changed"),
    [
        (
            {
                "op": "change_role",
                "team": "research",
                "user": "marco@example.com",
                "role": "viewer",
            },
            0,
            0,
            2,
        ),
        ({"op": "assign", "project": "drafts", "user": "rita@example.com"}, 1, 0, 0),
        ({"op": "unassign", "project": "drafts", "user": "marco@example.com"}, 0, 1, 0),
        ({"op": "archive_project", "project": "drafts"}, 0, 5, 0),
        ({"op": "archive_team", "team": "research"}, 0, 11, 0),
        ({"op": "restrict", "user": "olivia@example.com"}, 0, 2, 0),
        ({"op": "unrestrict", "user": "rita@example.com"}, 0, 0, 0),
        ({"op": "deactivate", "user": "admin@example.com"}, 0, 3, 0),
        ({"op": "activate", "user": "marco@example.com"}, 0, 0, 0),
        ({"op": "withdraw", "team": "support", "model": 0}, 0, 0, 2),
        ({"op": "grant", "team": "support", "model": 0}, 0, 0, 0),
    ],
)
def test_each_operation_is_simulated(cast, admin, change, gained, lost, changed):
    if "model" in change:
        change = change | {"model": cast.model.pk}
    found = simulated(admin, change)
    assert tuple(len(found[kind]) for kind in ("gained", "lost", "changed")) == (
        gained,
        lost,
        changed,
    )


def test_who_leaves_and_comes_back_is_not_assigned_any_more(cast, admin):
    marco = {"team": "research", "user": "marco@example.com"}
    found = simulated(admin, {"op": "remove_member", **marco}, {"op": "add_member", **marco})
    assert found == {"gained": set(), "lost": {("marco", "drafts")}, "changed": []}
    membership = Membership.objects.get(user=cast.marco)
    actions.remove_member(by=cast.admin, membership=membership)
    actions.add_member(by=cast.admin, team=cast.research, user=cast.marco)
    assert ("marco", "drafts") not in cells(admin.get(MATRIX))


def test_groups_are_simulated_as_they_are_followed(cast, admin):
    group = Group.objects.create(name="Help")
    add = {"op": "add_to_group", "group": group.pk, "user": "marco@example.com"}
    map_it = {"op": "map_group", "group": group.pk, "team": "support", "role": "viewer"}
    assert simulated(admin, add)["gained"] == set()
    assert simulated(admin, add, map_it)["gained"] == {("marco", "helpdesk")}
    assert simulated(admin, map_it, add)["gained"] == {("marco", "helpdesk")}
    with acting(SYSTEM):
        groups.set_members_of(by=cast.admin, group=group, users=[cast.marco, cast.sam])
        groups.map_group(by=cast.admin, group=group, team=cast.support, role="viewer")
    for change in (
        {"op": "remove_from_group", "group": group.pk, "user": "marco@example.com"},
        {"op": "unmap_group", "group": group.pk, "team": "support"},
    ):
        assert simulated(admin, change)["lost"] == {("marco", "helpdesk")}
    [(old, new)] = simulated(admin, map_it | {"role": "member"})["changed"]
    assert (old["role"], new["role"], new["chats"]) == ("viewer", "member", True)


def test_a_custom_role_is_simulated_by_its_name(cast, admin):
    CustomRole.objects.create(team=cast.research, name="Writers", base="member")
    change = {"op": "add_member", "team": "research", "user": "sam@example.com"}
    answer = admin.post(
        SIMULATE, {"changes": [change | {"custom_role": "Writers"}]}, "application/json"
    )
    [row] = answer.json()["gained"]
    assert (row["role"], row["custom_role"], row["via"]) == ("member", "Writers", "public")
    for fields in ({"custom_role": "Nobody's"}, {"custom_role": "Writers", "role": "viewer"}):
        answer = admin.post(SIMULATE, {"changes": [change | fields]}, "application/json")
        assert list(answer.json()["error"]["fields"]) == ["changes.0.custom_role"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (None, "changes"),
        ([], "changes"),
        ([{}] * 101, "changes"),
        ([{"op": "explode"}], "changes.0.op"),
        (["x"], "changes.0.op"),
        ([{"op": "assign", "project": "drafts"}], "changes.0.user"),
        (
            [{"op": "archive_team", "team": "research"}, {"op": "assign", "user": "x"}],
            "changes.1.project",
        ),
        ([{"op": "archive_team", "team": "research", "user": "x"}], "changes.0.user"),
        ([{"op": "archive_team", "team": 7}], "changes.0.team"),
        ([{"op": "grant", "team": "research", "model": "x"}], "changes.0.model"),
        ([{"op": "grant", "team": "research", "model": True}], "changes.0.model"),
        (
            [{"op": "set_visibility", "project": "drafts", "visibility": "x"}],
            "changes.0.visibility",
        ),
        ([{"op": "add_member", "team": "research", "user": "marco@example.com"}], "changes.0.user"),
        (
            [{"op": "remove_member", "team": "research", "user": "sam@example.com"}],
            "changes.0.user",
        ),
        ([{"op": "restrict", "user": "admin@example.com"}], "changes.0.user"),
    ],
)
def test_what_is_no_change_is_refused_by_field(cast, admin, changes, field):
    answer = admin.post(SIMULATE, {"changes": changes}, "application/json")
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_team_admins_simulate_in_their_team_only(cast):
    olivia = client_of(cast.olivia)
    change = {"op": "change_role", "team": "research", "user": "vera@example.com", "role": "member"}
    assert len(simulated(olivia, change)["changed"]) == 1
    for change, status in (
        ({"op": "add_member", "team": "research", "user": "sam@example.com"}, 404),
        ({"op": "add_member", "team": "support", "user": "marco@example.com"}, 404),
        ({"op": "archive_project", "project": "helpdesk"}, 404),
        ({"op": "grant", "team": "research", "model": 10**6}, 404),
        ({"op": "restrict", "user": "marco@example.com"}, 403),
        ({"op": "add_to_group", "group": 1, "user": "marco@example.com"}, 403),
    ):
        answer = olivia.post(SIMULATE, {"changes": [change]}, "application/json")
        assert answer.status_code == status, change
    change = {"op": "archive_project", "project": "drafts"}
    for person, status in ((cast.auditor, 200), (cast.marco, 403), (cast.rita, 403)):
        answer = client_of(person).post(SIMULATE, {"changes": [change]}, "application/json")
        assert answer.status_code == status


def test_a_large_answer_is_bounded_and_counted(cast, admin, monkeypatch):
    monkeypatch.setattr(simulation, "SHOWN", 4)
    answer = admin.post(
        SIMULATE,
        {"changes": [{"op": "archive_team", "team": "research"}]},
        "application/json",
    ).json()
    assert len(answer["lost"]) == 4
    assert (answer["counts"]["lost"], answer["left_out"]) == (11, 7)
