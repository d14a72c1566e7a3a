"""However many people, teams and projects there are: the same number of queries, and no more memory."""

import gc
import time
import tracemalloc
from contextlib import nullcontext

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import second_factor
from accounts.models import User
from portal import address_lists, keyring, recording
from projects.access import export, simulation
from projects.access.changes import read
from projects.access.loading import Selection, places
from projects.access.simulation import simulate
from projects.models import Project, ProjectMember
from teams import scopes
from teams.models import Grant, Membership, Team
from tests.cast import PASSWORD
from tests.console.test_api_doors import LISTS
from tests.doors.table import EXPECTED
from tests.projects.crowd import crowd

FEW, MANY = 3, 30
KIND = {"admin": "admin", "olivia": "owner", "marco": "member"}  # as the tables call them
MATRIX = "/api/permissions/matrix"


def grow(cast, upto):
    """Teams of which everybody is in each, with their projects, and people in all of them."""
    for number in range(Team.objects.count(), upto):
        team = Team.objects.create(slug=f"team{number}", name=f"Team {number}")
        Grant.objects.create(team=team, model=cast.model)
        person = User.objects.create(email=f"person{number}@example.com")
        for user, role in ((cast.olivia, "owner"), (cast.marco, "member"), (person, "member")):
            Membership.objects.create(team=team, user=user, role=role)
        for visibility in ("public", "private"):
            project = Project.objects.create(
                slug=f"{visibility}{number}",
                name=f"Project {number}",
                team=team,
                model=cast.model,
                visibility=visibility,
            )
            ProjectMember.objects.create(project=project, user=cast.marco)


def counted(deed):
    """The queries of a deed that finds every cache cold."""
    cache.clear()
    for listener in recording._listeners:
        listener("tests")
    keyring.forget()
    address_lists.rules.forget()
    scopes._known.clear("tests")
    second_factor._known.clear("tests")
    with CaptureQueriesContext(connection) as captured:
        deed()
    return [query["sql"] for query in captured]


def looking(person, path, **query):
    client = Client()
    client.force_login(person)

    def look():
        answer = client.get(path, query)
        assert answer.status_code == 200, path
        if answer.streaming:
            b"".join(answer)

    return look


def signing_in(person):
    def sign_in():
        answer = Client().post(
            "/account/login/", {"login": person.email, "password": PASSWORD}, follow=True
        )
        assert answer.redirect_chain, answer.status_code

    return sign_in


def deeds(cast):
    """What is looked at, by name."""
    found = {}
    for name in ("admin", "olivia", "marco"):
        person = getattr(cast, name)
        found[f"{name} signs in and comes home"] = signing_in(person)
        found[f"{name} is at home"] = looking(person, "/")
        for path in LISTS:
            if EXPECTED[path]["GET", ""][KIND[name]] == 200:
                found[f"{name} lists {path}"] = looking(person, f"/{path}")
    for name in ("admin", "olivia"):
        person = getattr(cast, name)
        found[f"{name} looks at the matrix"] = looking(person, MATRIX)
        query = {"user": "marco@example.com", "project": "assistant"}
        found[f"{name} has it explained"] = looking(person, "/api/permissions/explain", **query)
        found[f"{name} simulates"] = simulating(person)
    return found


def simulating(person):
    client = Client()
    client.force_login(person)
    changes = [
        {"op": "change_role", "team": "research", "user": "vera@example.com", "role": "member"},
        {"op": "set_visibility", "project": "drafts", "visibility": "public"},
    ]

    def look():
        answer = client.post("/api/permissions/simulate", {"changes": changes}, "application/json")
        assert answer.status_code == 200

    return look


def test_nothing_that_people_look_at_costs_more_because_there_is_more(cast):
    found = deeds(cast)
    grow(cast, FEW)
    few = {name: counted(deed) for name, deed in found.items()}
    grow(cast, MANY)
    for name, deed in found.items():
        many = counted(deed)
        assert len(many) <= len(few[name]), (name, len(few[name]), len(many), many[-3:])


def test_each_chunk_of_the_csv_costs_four_queries(cast, monkeypatch):
    grow(cast, FEW)

    def asked(people):
        client = Client()
        client.force_login(cast.admin)
        session = client.session
        session["fresh_at"] = int(time.time())
        session.save()
        monkeypatch.setattr(export, "CHUNK", people)

        def look():
            answer = client.get(MATRIX, {"format": "csv"})
            assert len(b"".join(answer).splitlines()) > 10

        return len([sql for sql in counted(look) if "SAVEPOINT" not in sql and sql[:3] != "SET"])

    whole = asked(1000)
    for size in (2, 4):  # the last chunk has somebody in it
        chunks = User.objects.count() // size + 1
        assert asked(size) == whole + 4 * (chunks - 1), size


def peak(deed):
    """(what the deed returns, the most memory it held at once beyond what was there), in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        answer = deed()
        return answer, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def written():
    """(pieces, rows, rows in the first piece) of the whole CSV."""
    first, pieces, count = None, 0, 0
    whole = Selection.everything()
    for piece in export.lines(whole, places(whole), within=nullcontext):
        first = first or piece.count("\r\n")
        pieces, count = pieces + 1, count + piece.count("\r\n")
    return pieces, count - 1, first


@pytest.mark.once
def test_the_whole_csv_streams_in_constant_memory(db):
    """Four times the people and rows, and the same memory; the first lines are there long before the last."""
    crowd(people=500, projects=200)
    (pieces, few, first), small = peak(written)
    crowd(people=2000, projects=200)
    (more_pieces, many, _first), large = peak(written)
    assert few > 10_000
    assert many > 3.5 * few
    assert more_pieces > 3 * pieces > 30
    assert first < few / 10
    assert large < 1.2 * small + 200_000, (small, large)


@pytest.mark.once
def test_a_simulation_of_everything_holds_no_more_because_there_is_more(db, monkeypatch):
    monkeypatch.setattr(simulation, "SHOWN", 100)
    admin = User.objects.create(email="admin@example.com", is_superuser=True)
    changes = read([{"op": "archive_team", "team": f"crowd{number}"} for number in range(10)])

    def everything_archived():
        whole = Selection.of(admin)
        return simulate(by=admin, selection=whole, changes=changes)["counts"]["lost"]

    crowd(people=500, projects=100)
    few, small = peak(everything_archived)
    crowd(people=1500, projects=100)
    many, large = peak(everything_archived)
    assert many > 2.5 * few > 5_000
    assert large < 1.3 * small + 500_000, (small, large)
