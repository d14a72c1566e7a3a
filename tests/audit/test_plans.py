"""On PostgreSQL each way into the trail is an index in the order of ids: no page reads the table, or sorts much of it."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import paging
from audit.models import Entry
from audit.paging import Reader
from audit.searching import Search, read
from teams.models import Membership, Team
from tests.bench.entries import House, add

ENTRIES = 200_000
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="plans of PostgreSQL, on PostgreSQL alone"
    ),
    pytest.mark.xdist_group("plans"),
]


@pytest.fixture(scope="module")
def trail(django_db_setup, django_db_blocker):
    """Written once, below the recorder, and taken away by the table's owner."""
    with django_db_blocker.unblock():
        house = House.imagined(people=500, teams=50)
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            before = Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            add(ENTRIES, house)
            cursor.execute("VACUUM ANALYZE audit_entry")
            cursor.execute("SET ROLE gatehouse_application")
        yield house
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM audit_entry WHERE id > %s", [before])
            cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")
            cursor.execute("VACUUM ANALYZE audit_entry")
            cursor.execute("SET ROLE gatehouse_application")


def plan_of(sql, params):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


SEARCHES = {
    "newest": {},
    "actor": {"actor": "1000003"},
    "actor of few": {"actor": "1000499"},
    "about": {"about": "1000003"},
    "key": {"actor_id": "k00001000003"},
    "action": {"action": "sign_in"},
    "rare action": {"action": "failed"},
    "kind": {"target_type": "portal.Setting"},
    "kind and action": {"target_type": "accounts.Key", "action": "update"},
    "object": {"object": "projects.Project:77"},
    "label": {"object": "assistant-77"},
    "refused": {"outcome": "refused"},
    "address": {"address": "10.3.1.3"},
    "address and action": {"address": "10.3.1.3", "action": "delete"},
    "actor and label": {"actor": "1000000", "object": "assistant-77"},
    "request": {"request_id": "req_000000000000000000000005"},
    "team": {"team_id": "1000001"},
    "team and action": {"team_id": "1000001", "action": "failed"},
    "a day long ago": {"from": "2025-06-01", "to": "2025-06-01"},
    "a month and action": {"from": "2025-06-01", "to": "2025-06-30", "action": "failed"},
}


def asked(reader, **where):
    """The one statement that finds the ids of a page."""
    with CaptureQueriesContext(connection) as found:
        reader.ids(limit=51, **where)
    [sql] = [q["sql"] for q in found if "ORDER BY" in q["sql"] and "LIMIT 51" in q["sql"]]
    return sql


@pytest.mark.parametrize("where", [{}, {"before": 100_000}, {"after": 100_000}], ids=str)
@pytest.mark.parametrize("name", SEARCHES)
def test_a_page_is_read_from_an_index_until_it_is_full(trail, admin_user_of_all, name, where):
    reader = Reader(admin_user_of_all, read(SEARCHES[name], admin_user_of_all))
    if reader.window(**where)[0] > reader.window(**where)[1]:
        assert (
            reader.ids(limit=51, **where) == []
        )  # what is asked for lies outside of the time range
        return
    plan = plan_of(asked(reader, **where), None)
    for node in nodes(plan):
        assert node["Node Type"] not in ("Seq Scan", "Bitmap Heap Scan"), node
        if node["Node Type"] == "Sort":  # a day, found by its own index
            assert node["Plans"][0]["Actual Rows"] <= ENTRIES / 100
    [scan] = [node for node in nodes(plan) if "Index Name" in node]
    assert "Index" in scan["Node Type"]


@pytest.mark.parametrize("where", [{}, {"before": 100_000}, {"after": 100_000}], ids=str)
@pytest.mark.parametrize(
    "name", ["newest", "action", "rare action", "kind and action", "label", "address"]
)
def test_who_reads_several_teams_gets_each_from_its_index(trail, where, name):
    from accounts.models import User

    user = User.objects.create(email="several@example.com")
    for n in (0, 3, 40):
        team = Team.objects.create(pk=1_000_000 + n, slug=f"several{n}", name=f"Several {n}")
        Membership.objects.create(team=team, user=user, role="admin")
    reader = Reader(user, read(SEARCHES[name], user))
    assert reader.teams == [1_000_000, 1_000_003, 1_000_040]
    plan = plan_of(asked(reader, **where), None)
    for node in nodes(plan):
        assert node["Node Type"] not in ("Seq Scan", "Bitmap Heap Scan"), node
        if node["Node Type"] == "Sort":
            assert node["Plans"][0]["Actual Rows"] <= 3 * 51


@pytest.mark.parametrize("name", SEARCHES)
def test_a_page_asks_at_most_twenty_questions_and_counts_nothing(trail, admin_user_of_all, name):
    client = Client()
    client.force_login(admin_user_of_all)
    for where in ({}, {"before": 100_000}, {"after": 100_000}):
        with CaptureQueriesContext(connection) as found:
            answer = client.get("/admin/audit/entry/", {**SEARCHES[name], **where})
        assert answer.status_code == 200
        assert len(found) <= 20, [q["sql"][:120] for q in found]
        for query in found:
            assert "COUNT(" not in query["sql"].upper() or "audit_entry" not in query["sql"]


def test_how_many_there_are_is_estimated_by_the_databases_statistics(trail, admin_user_of_all):
    everything = Reader(admin_user_of_all).about_how_many()
    assert 0.5 * ENTRIES < everything < 2 * ENTRIES
    common = Reader(admin_user_of_all, Search(action="sign_in")).about_how_many()
    assert 0.05 * ENTRIES < common < 0.6 * ENTRIES


def test_a_combination_looks_through_so_many_ids_only(trail, admin_user_of_all, monkeypatch):
    monkeypatch.setattr(paging, "WINDOW", 20_000)
    reader = Reader(admin_user_of_all, Search(target_type="accounts.Key", action="update"))
    plan = plan_of(asked(reader), None)
    looked = sum(node.get("Rows Removed by Filter", 0) for node in nodes(plan))
    assert looked <= 20_000
    assert reader.page().looked_to is not None


@pytest.fixture
def admin_user_of_all(django_user_model):
    return django_user_model.objects.create(email="all@example.com", is_superuser=True)
