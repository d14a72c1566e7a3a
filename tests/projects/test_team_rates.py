"""A team's requests a minute: one more limit in the same taking, exact over all of its projects, at every door."""

import threading

import pytest
from django.db import connection
from django.test import Client

from portal import limits
from portal.limit_stores import forget_stores
from projects.models import Project
from teams.models import Team
from tests.cast import build_cast
from tests.projects.doors import DOORS, question


@pytest.fixture(params=["database", "redis"])
def where(request, settings):
    if request.param == "redis":
        settings.REDIS_URL = request.getfixturevalue("redis_server")
    forget_stores()
    yield request.param
    forget_stores()


@pytest.fixture
def frozen(monkeypatch):
    """A clock of the test's own; the epoch of 2100 keeps other tests' buckets out."""
    now = [4_102_444_800_000_000]
    monkeypatch.setattr(limits, "clock", lambda: now[0])
    return now


def ask(headers, project="assistant"):
    return Client().post(
        "/v1/chat/completions",
        question("say: x", project=project),
        "application/json",
        headers=headers,
    )


def limited(cast, per_minute):
    Team.objects.filter(pk=cast.research.pk).update(requests_per_minute=per_minute)
    Project.objects.filter(team=cast.research).update(rate_limit_per_minute=1000)


@pytest.mark.parametrize("door", DOORS)
def test_it_holds_at_every_door(cast, frozen, door):
    limited(cast, 1)
    assert DOORS[door](cast, cast.marco, "say: x").status == 200
    said = DOORS[door](cast, cast.marco, "say: x", project="drafts")
    assert (said.status, said.code) == (429, "rate_limited")
    assert said.response["Retry-After"] == "60"
    assert DOORS[door](cast, cast.sam, "say: x", project="helpdesk").status == 200


def test_the_headers_are_those_of_the_tightest(cast, frozen):
    headers = cast.bearer(cast.marco, requests_per_second=1000)
    Project.objects.filter(team=cast.research).update(rate_limit_per_minute=10)
    Team.objects.filter(pk=cast.research.pk).update(requests_per_minute=3)
    seen = [ask(headers, project) for project in ("assistant", "drafts", "assistant", "drafts")]
    assert [answer.status_code for answer in seen] == [200, 200, 200, 429]
    assert [answer["RateLimit-Limit"] for answer in seen] == ["3"] * 4
    assert [answer["RateLimit-Remaining"] for answer in seen] == ["2", "1", "0", "0"]
    frozen[0] += 60_000_000
    Team.objects.filter(pk=cast.research.pk).update(requests_per_minute=1000)
    assert ask(headers)["RateLimit-Limit"] == "10"


def test_what_the_team_refuses_takes_nothing_from_project_and_key(cast, frozen):
    headers = cast.bearer(cast.marco, requests_per_second=1000)
    limited(cast, 1)
    Project.objects.filter(slug="drafts").update(rate_limit_per_minute=2)
    assert ask(headers).status_code == 200
    for _ in range(5):
        assert ask(headers, "drafts").status_code == 429
    Team.objects.filter(pk=cast.research.pk).update(requests_per_minute=None)
    assert [ask(headers, "drafts").status_code for _ in range(3)] == [200, 200, 429]


def test_what_a_project_refuses_takes_nothing_from_the_team(cast, frozen):
    headers = cast.bearer(cast.marco, requests_per_second=1000)
    limited(cast, 2)
    Project.objects.filter(slug="drafts").update(rate_limit_per_minute=1)
    assert [ask(headers, "drafts").status_code for _ in range(4)] == [200, 429, 429, 429]
    assert [ask(headers).status_code for _ in range(2)] == [200, 429]


@pytest.mark.django_db(transaction=True)
def test_ten_times_as_many_parallel_requests_over_projects_let_exactly_the_limit_pass(
    where, frozen
):
    cast = build_cast()
    headers = cast.bearer(cast.marco, requests_per_second=1000)
    more = [
        Project.objects.create(
            slug=f"p{n}", name="P", team=cast.research, model=cast.model, visibility="public"
        ).slug
        for n in range(3)
    ]
    projects = ["assistant", "drafts", *more]
    limited(cast, 4)
    statuses = []
    start = threading.Barrier(40)

    def one(project):
        try:
            start.wait(60)
            statuses.append(ask(headers, project).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[projects[n % 5]]) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (4, 36)
    frozen[0] += 15_000_000
    assert sorted(ask(headers, project).status_code for project in projects) == [200] + [429] * 4
