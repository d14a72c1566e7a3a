"""In random organisations, in every cell: matrix, explanation, querysets, simulation and the doors themselves agree.

`ACCESS_EXAMPLES=300` looks at more of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import recording
from portal.errors import Refusal
from projects import routes
from projects.access.loading import Selection, places
from projects.access.reaches import rows
from projects.models import Project, ProjectMember
from teams import actions, groups
from teams.models import CustomRole, Grant, GroupMapping, Membership, Team, TeamArchive
from tests.projects.organisations import build, organisations, own_role
from tests.projects.rows import diff, everybody

EXAMPLES = int(os.environ.get("ACCESS_EXAMPLES", "6"))
quickly = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def put_back() -> Iterator[None]:
    """Everything in the block is undone afterwards, and nothing remembers it."""
    block = transaction.atomic()
    block._from_testcase = (
        True  # as the transaction around each test, which no door takes for one of its callers
    )
    with block:
        yield
        transaction.set_rollback(True)
    forget()


def forget() -> None:
    cache.clear()
    for listener in recording._listeners:
        listener("tests")


def matrix():
    """All rows there are, as the snapshot reads them: ascending by person."""
    whole = Selection.everything()
    here = places(whole)
    return [row for person in everybody(whole, chunk=2) for row in rows(person, here)]


def by_door(looker):
    """All rows, as the API tells them."""
    client, cursor, found = Client(), "", {}
    client.force_login(looker)
    while cursor is not None:
        page = client.get("/api/permissions/matrix", {"limit": 2, "cursor": cursor}).json()
        names = {user["id"]: user["email"] for user in page["users"]}
        for row in page["assignments"]:
            cell = (names[row["user"]], row["project"])
            assert cell not in found
            found[cell] = (row["role"], row["custom_role"] or "", row["via"], row["chats"])
        cursor = page["next"]
    return found


@quickly
@given(drawn=organisations())
def test_matrix_explanation_and_querysets_agree_in_every_cell(db, drawn):
    with put_back():
        made = build(drawn)
        cells = {(row.email, row.project): row for row in matrix()}
        assert by_door(made.looker) == {
            cell: (row.role, row.custom_role, row.via, row.chats) for cell, row in cells.items()
        }
        admin = Client()
        admin.force_login(made.looker)
        for person in made.people:
            # What an auditor reads is no access; everything else that they see is.
            person.is_auditor = False
            seen = set(Project.objects.visible_to(person).in_use().values_list("slug", flat=True))
            asked = set(Project.objects.chattable_by(person).values_list("slug", flat=True))
            mine = {slug: row for (email, slug), row in cells.items() if email == person.email}
            assert set(mine) == seen
            assert {slug for slug, row in mine.items() if row.chats} == asked
            for project in made.projects:
                route = routes._loaded(project.slug)
                query = {"user": person.email, "project": project.slug}
                told = admin.get("/api/permissions/explain", query).json()
                row = mine.get(project.slug)
                assert told["allowed"] == (row is not None)
                assert told["chats"] == (row is not None and row.chats)
                assert (told["via"], told["role"]) == (row and row.via, row and row.role)
                assert told["open"] == (route is not None and route.is_open)
                assert row is None or row.open == told["open"]


@quickly
@given(drawn=organisations())
def test_the_doors_do_what_the_matrix_says(db, drawn):
    with put_back():
        made = build(drawn)
        cells = {(row.email, row.project): row for row in matrix()}
        for person in made.people:
            client = Client()
            client.force_login(person)
            mine = {p.slug: cells.get((person.email, p.slug)) for p in made.projects}
            assert_lists_are_right(client, made, person, mine)
            for project in made.projects:
                assert_doors_are_right(client, person, project, mine[project.slug])


def looks(person, project, row):
    """Whether they see it: by a row, or because they read everything, or may bring it back."""
    if row is not None or not person.is_active:
        return row is not None
    if person.is_superuser or person.is_auditor:
        return True
    project = Project.objects.get(pk=project.pk)
    return project.archived_at is not None and bool(
        not person.is_restricted
        and Membership.objects.filter(
            user=person, team_id=project.team_id, role__in=("owner", "admin")
        ).exists()
        and not TeamArchive.objects.filter(team_id=project.team_id).exists()
    )


def is_in_use(project):
    return Project.objects.in_use().filter(pk=project.pk).exists()


def assert_lists_are_right(client, made, person, mine):
    home = client.get("/")
    listed = client.get("/v1/models", headers={"authorization": f"Bearer {made.keys[person.pk]}"})
    if not person.is_active:
        assert (home.status_code, listed.status_code) == (302, 401)
        return
    on_page = {row.slug: bool(row.may_chat) for row in home.context["projects"]}
    assert on_page == {
        project.slug: bool(mine[project.slug] and mine[project.slug].chats)
        for project in made.projects
        if project.is_active and is_in_use(project) and looks(person, project, mine[project.slug])
    }
    if person.is_restricted:
        assert listed.status_code == 401  # they have no keys
        return
    assert {row["id"] for row in listed.json()["data"]} == {
        project.slug
        for project in made.projects
        if project.is_active and mine[project.slug] and mine[project.slug].chats
    }


def assert_doors_are_right(client, person, project, row):
    page = client.get(f"/playground/{project.slug}/").status_code
    detail = client.get(f"/api/projects/{project.slug}/").status_code
    chat = client.post(
        f"/api/projects/{project.slug}/chat/", {"message": "say: hello"}, "application/json"
    ).status_code
    if not person.is_active:
        assert (page, detail, chat) == (302, 401, 401)
        return
    sees = looks(person, project, row)
    used = sees and is_in_use(project)
    answers = row is not None and row.chats and row.open
    assert detail == (200 if sees else 404)
    assert page == (200 if used else 404)
    assert chat == (200 if answers else 403 if used else 404)


# -- the simulation --------------------------------------------------------------------------------------------------


BACK = {
    "remove_member": "add_member",
    "remove_from_group": "add_to_group",
    "unmap_group": "map_group",
    "withdraw": "grant",
    "unassign": "assign",
    "deactivate": "activate",
}


@st.composite
def changes(draw, most=3):
    """Changes by number: each is tried, and what cannot be done for real is not simulated either."""
    one = st.fixed_dictionaries(
        {
            "op": st.sampled_from(sorted(DEEDS)),
            "person": st.integers(0, 3),
            "project": st.integers(0, 3),
            "team": st.integers(0, 1),
            "group": st.integers(0, 1),
            "role": st.sampled_from(["owner", "admin", "member", "viewer"]),
            "own": st.booleans(),
            "visibility": st.sampled_from(["public", "private"]),
            "model": st.sampled_from(["good", "off"]),
        }
    )
    found = draw(st.lists(one, min_size=1, max_size=most))
    if draw(st.booleans()):  # what goes comes back, and not always as it was
        found += [drawn | {"op": BACK[drawn["op"]]} for drawn in found if drawn["op"] in BACK]
    return found


class NotPossible(Exception):
    """This change means nothing in this organisation."""


def _membership(made, it):
    found = Membership.objects.filter(team=it["team"], user=it["user"]).first()
    if found is None:
        raise NotPossible
    return found


def _add_member(made, it):
    actions.add_member(
        by=made.looker, team=it["team"], user=it["user"], role=it["role"], custom_role=it["own"]
    )


def _change_role(made, it):
    actions.change_role(
        by=made.looker,
        membership=_membership(made, it),
        role=it["role"],
        custom_role=it["own"],
    )


def _assign(made, it):
    ProjectMember.objects.get_or_create(project=it["project"], user=it["user"])


def _flag(name, value):
    def deed(made, it):
        person = it["user"]
        person.refresh_from_db()
        if name == "is_restricted" and value and (person.is_superuser or person.is_auditor):
            raise NotPossible
        setattr(person, name, value)
        person.save()

    return deed


def _visibility(made, it):
    Project.objects.filter(pk=it["project"].pk).update(visibility=it["visibility"])


def _regroup(adds):
    def deed(made, it):
        held = {member.user for member in it["group"].members.select_related("user")}
        users = held | {it["user"]} if adds else held - {it["user"]}
        groups.set_members_of(by=made.looker, group=it["group"], users=users)

    return deed


def _map_group(made, it):
    if it["role"] == "owner":
        raise NotPossible
    groups.map_group(
        by=made.looker,
        group=it["group"],
        team=it["team"],
        role=it["role"],
        custom_role=it["own"],
    )


def _unmap_group(made, it):
    mapping = GroupMapping.objects.filter(group=it["group"], team=it["team"]).first()
    if mapping is None:
        raise NotPossible
    groups.unmap_group(by=made.looker, mapping=mapping)


# How each operation is done for real, and the fields that it is simulated with.
DEEDS = {
    "add_member": (_add_member, ("team", "user", "role", "custom_role")),
    "remove_member": (
        lambda made, it: actions.remove_member(by=made.looker, membership=_membership(made, it)),
        ("team", "user"),
    ),
    "change_role": (_change_role, ("team", "user", "role", "custom_role")),
    "assign": (_assign, ("project", "user")),
    "unassign": (
        lambda made, it: ProjectMember.objects.filter(
            project=it["project"], user=it["user"]
        ).delete(),
        ("project", "user"),
    ),
    "set_visibility": (_visibility, ("project", "visibility")),
    "grant": (
        lambda made, it: Grant.objects.get_or_create(team=it["team"], model=it["model"]),
        ("team", "model"),
    ),
    "withdraw": (
        lambda made, it: Grant.objects.filter(team=it["team"], model=it["model"]).delete(),
        ("team", "model"),
    ),
    "archive_project": (
        lambda made, it: Project.objects.filter(pk=it["project"].pk).update(
            archived_at=timezone.now()
        ),
        ("project",),
    ),
    "archive_team": (
        lambda made, it: TeamArchive.objects.get_or_create(team=it["team"]),
        ("team",),
    ),
    "restrict": (_flag("is_restricted", True), ("user",)),
    "unrestrict": (_flag("is_restricted", False), ("user",)),
    "activate": (_flag("is_active", True), ("user",)),
    "deactivate": (_flag("is_active", False), ("user",)),
    "add_to_group": (_regroup(True), ("group", "user")),
    "remove_from_group": (_regroup(False), ("group", "user")),
    "map_group": (_map_group, ("group", "team", "role", "custom_role")),
    "unmap_group": (_unmap_group, ("group", "team")),
}


def named(made, drawn):
    """The rows that a drawn change names; indices that are too high begin anew."""

    def pick(rows, number):
        if not rows:
            raise NotPossible
        return rows[number % len(rows)]

    it = {
        "user": pick(made.people, drawn["person"]),
        "project": pick(made.projects, drawn["project"]),
        "team": pick(made.teams, drawn["team"]),
        "model": made.models[drawn["model"]],
        "group": pick(made.groups, drawn["group"]) if "group" in drawn["op"] else None,
        "role": drawn["role"],
        "visibility": drawn["visibility"],
        "own": None,
    }
    if drawn["own"] and drawn["role"] != "owner":
        it["own"] = own_role(it["team"], drawn["role"])
    return it


def written(op, it):
    """The change as the API takes it."""
    said = {
        "user": it["user"].email,
        "project": it["project"].slug,
        "team": it["team"].slug,
        "model": it["model"].pk,
        "group": it["group"] and it["group"].pk,
        "role": it["role"],
        "visibility": it["visibility"],
        "custom_role": it["own"] and it["own"].name,
    }
    return {"op": op} | {name: said[name] for name in DEEDS[op][1] if said[name] is not None}


def done(made, wanted):
    """Does what can be done; the changes that were, as the API takes them."""
    kept = []
    for drawn in wanted:
        try:
            with transaction.atomic():
                it = named(made, drawn)
                DEEDS[drawn["op"]][0](made, it)
        except (NotPossible, Refusal):
            continue
        kept.append(written(drawn["op"], it))
    return kept


def cell(row):
    return tuple(row[name] for name in ("email", "project", "role", "via", "chats", "open")) + (
        row["custom_role"] or "",
    )


@settings(quickly, max_examples=EXAMPLES * 5)
@given(drawn=organisations(), wanted=changes())
def test_what_is_simulated_is_what_happens(db, drawn, wanted):
    with put_back():
        made = build(drawn)
        for team in made.teams:
            for base in ("admin", "member", "viewer"):
                own_role(team, base)
        before = matrix()
        with put_back():
            kept = done(made, wanted)
            after = matrix()
        if not kept:
            return
        client = Client()
        client.force_login(made.looker)
        answer = client.post("/api/permissions/simulate", {"changes": kept}, "application/json")
        assert answer.status_code == 200, (kept, answer.content)
        told = answer.json()
        assert matrix() == before
        found = list(diff(before, after))
        for kind in ("gained", "lost"):
            real = {cell(row._asdict()) for one in found for row in getattr(one, kind)}
            assert {cell(row) for row in told[kind]} == real, kept
        real = {tuple(cell(r._asdict()) for r in pair) for one in found for pair in one.changed}
        assert {(cell(p["before"]), cell(p["after"])) for p in told["changed"]} == real, kept


def test_each_operation_of_the_simulation_is_one_of_the_property():
    from projects.access.changes import OPERATIONS

    assert set(DEEDS) == set(OPERATIONS)


@pytest.mark.parametrize("model", [CustomRole, Team])
def test_nothing_is_left_behind(db, model):
    with put_back():
        build(
            {"people": [("plain", True)] * 2, "teams": [False], "projects": [], "memberships": {}}
            | {"assignments": set(), "withdrawn": set(), "groups": []}
        )
    assert not model.objects.exists()
