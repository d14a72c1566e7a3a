"""Lines of the usage log become days: what was asked, spent and refused stays the same figure for every reader."""

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Key
from audit.models import Entry
from guards.models import GuardEvent
from portal import retention, retention_rows
from portal.models import RetentionRun
from portal.retention import apply, due
from projects import rollups
from projects.models import Exchange, Spend, TeamSpend, UsageDay
from projects.usage_totals import NAMES, totals
from teams.models import Team
from tests.accounts.test_fresh import browser
from tests.audit.test_pruning import in_a_child

OUTCOMES = ("answered", "blocked_input", "rate_limited", "provider_error", "aborted", "crashed")


def asked(cast, days, **values):
    """Lines of all outcomes, of two teams and of none, so many days ago; one is at a UTC day's last moment."""
    moment = datetime.now(UTC).replace(hour=23, minute=59, second=59) - timedelta(days=days)
    for number, outcome in enumerate(OUTCOMES):
        for project in (cast.assistant, cast.helpdesk, None):
            Exchange.objects.create(
                project=project,
                project_slug=project.slug if project else "gone",
                team=project.team if project else None,
                model_name="m" if number % 2 else "n",
                key=values.get("key") if number % 3 else None,
                outcome=outcome,
                created_at=moment + timedelta(seconds=number),
                closed_at=moment,
                prompt_tokens=number,
                completion_tokens=2 * number,
                cost=None if number == 3 else Decimal("0.000001") * (number + 1),
            )


def figures(cast, person="admin", **of):
    today = timezone.now().date()
    user = getattr(cast, person)
    found = totals(user=user, first=today - timedelta(days=900), last=today, **of)
    return {key: tuple(getattr(total, name) for name in NAMES) for key, total in found.items()}


def everybodys(cast):
    of = ("team_id", "project_slug", "model_name")
    return {
        person: figures(cast, person, of=of)
        for person in ("admin", "olivia", "vera", "marco", "sam")
    }


@pytest.mark.django_db
def test_totals_are_the_same_before_and_after_and_for_every_reader(cast):
    cast.key(cast.marco)
    key = Key.objects.get()
    for days in (500, 410, 405, 3, 0):
        asked(cast, days, key=key)
    TeamSpend.objects.create(team=cast.research, month="2025-01-01", spent_micros=7)
    Spend.objects.create(project=cast.assistant, month="2025-01-01", spent_micros=7)
    before = everybodys(cast)
    assert len(before["admin"]) > 20
    assert before["marco"] == {}
    assert set(before["olivia"]) < set(before["admin"])
    assert due()["usage"].total == 54
    assert apply()["usage"].removed == 54
    assert everybodys(cast) == before
    assert (Exchange.objects.count(), UsageDay.objects.exists()) == (36, True)
    assert TeamSpend.objects.get().spent_micros == Spend.objects.get().spent_micros == 7
    assert UsageDay.objects.filter(key_id=key.pk).exists()
    Team.objects.filter(pk=cast.research.pk).update(usage_days=31)
    asked(cast, 405)  # a line that comes late is added to its day
    before = everybodys(cast)
    apply()
    assert everybodys(cast) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "setting"), [(Exchange, "usage_days"), (GuardEvent, "event_days")]
)
def test_each_team_has_its_own_period(cast, model, setting):
    Team.objects.filter(pk=cast.research.pk).update(**{setting: 40})
    Team.objects.filter(pk=cast.support.pk).update(**{setting: 800})
    made = {}
    for team in (cast.research, cast.support, None):
        for days in (30, 50, 500, 900):
            moment = timezone.now() - timedelta(days=days)
            values = {"team": team, "created_at": moment}
            if model is Exchange:
                values |= {"project_slug": "x", "closed_at": moment}
            else:
                values |= {"guard_version": 1}
            made[team, days] = model.objects.create(**values)
    apply()
    left = set(model.objects.values_list("pk", flat=True))
    assert {place for place, row in made.items() if row.pk in left} == {
        (cast.research, 30),
        *((cast.support, days) for days in (30, 50, 500)),
        *((None, days) for days in (30, 50)),
    }


@pytest.mark.django_db
def test_a_line_goes_neither_before_its_words_nor_while_it_is_open(cast):
    Team.objects.filter(pk=cast.research.pk).update(content_hours=24 * 900)
    old = timezone.now() - timedelta(days=500)
    values = {"team": cast.research, "project_slug": "x", "created_at": old}
    said = Exchange.objects.create(
        user=cast.marco, question="a", answer="b", closed_at=old, **values
    )
    running = Exchange.objects.create(**values)
    apply()
    assert set(Exchange.objects.all()) == {said, running}


@pytest.mark.django_db
def test_the_page_of_a_month_keeps_its_figures_and_its_file(cast):
    asked(cast, 405)
    month = f"{timezone.now() - timedelta(days=405):%Y-%m}"
    page = f"/admin/usage/days/?month={month}"
    client = browser(cast.admin)
    before, file = client.get(page).context["whole"], client.get(f"{page}&format=csv").content
    assert (before.requests, before.unpriced) == (18, 3)
    assert b"gone" in file
    apply()
    assert not Exchange.objects.exists()
    assert client.get(page).context["whole"] == before
    assert client.get(f"{page}&format=csv").content == file
    assert Entry.objects.filter(action="usage_exported").count() == 2
    mine = browser(cast.olivia).get(page).context["whole"]
    assert mine.requests == 6
    assert browser(cast.sam).get(f"{page}&team=research").status_code == 422
    assert browser(cast.admin).get("/admin/usage/days/?month=x").status_code == 422


@pytest.mark.django_db
def test_a_run_stops_when_its_time_is_over_and_the_next_goes_on(cast, monkeypatch):
    monkeypatch.setattr(retention_rows, "BATCH", 4)
    asked(cast, 500)
    asked(cast, 501)
    run = apply(seconds=0)["usage"]
    assert (run.state, run.removed) == ("cut_short", 4)
    removed = run.removed
    while (run := apply(seconds=0)["usage"]).state != "done":
        removed += run.removed
    assert (removed + run.removed, Exchange.objects.count()) == (36, 0)


@pytest.mark.django_db
def test_one_kind_that_fails_does_not_keep_the_others_and_says_so(cast, monkeypatch, caplog):
    asked(cast, 500)
    monkeypatch.setattr(rollups, "by_day", lambda *_: 1 / 0)
    GuardEvent.objects.create(guard_version=1, created_at=timezone.now() - timedelta(days=500))
    runs = apply()
    assert (runs["usage"].state, runs["usage"].removed, Exchange.objects.count()) == (
        "stopped",
        0,
        18,
    )
    assert (runs["events"].state, runs["events"].removed) == ("done", 1)
    assert "retention of usage failed" in caplog.text
    page = browser(cast.auditor).get("/admin/retention/?count=yes")
    assert page.status_code == 200
    assert b"It failed; the log says why." in page.content
    lines = {line.kind.name: line for line in page.context["lines"]}
    assert (lines["usage"].found.total, lines["events"].last.removed) == (18, 1)


@pytest.mark.django_db
def test_each_run_that_removed_something_is_one_entry(cast):
    asked(cast, 500)
    apply()
    apply()
    (entry,) = Entry.objects.filter(action="retention_applied")
    assert entry.changes["kind"] == [None, "usage"]
    assert entry.changes["removed"] == [0, 18]
    teams = {str(cast.research.pk): 6, str(cast.support.pk): 6, "": 6}
    assert entry.changes["by_team"] == [None, teams]
    assert RetentionRun.objects.filter(kind="usage").count() == 2


@pytest.mark.django_db(transaction=True)
def test_killed_between_and_within_batches_nothing_is_lost_or_counted_twice(cast, monkeypatch):
    monkeypatch.setattr(retention_rows, "BATCH", 3)
    monkeypatch.setattr(retention, "LEAST_PAUSE", 0)
    asked(cast, 500)
    before = everybodys(cast)
    places = ((rollups, "_add"), (retention._Counting, "__call__"), (retention_rows, "_page"))
    killed = 0
    for number in range(1, 60, 4):

        def deed(number=number):
            seen = [0]
            for module, name in places:
                inner = getattr(module, name)

                def step(*args, inner=inner, **kwargs):
                    found = inner(*args, **kwargs)
                    seen[0] += 1
                    if seen[0] == number:
                        os.kill(os.getpid(), 9)
                    return found

                setattr(module, name, step)
            apply()

        if os.WIFEXITED(in_a_child(deed)):
            break
        killed += 1
        assert everybodys(cast) == before
    assert killed > 2
    RetentionRun.objects.filter(ended_at=None).update(
        touched_at=timezone.now() - timedelta(hours=1)
    )
    apply()
    assert everybodys(cast) == before
    assert not Exchange.objects.exists()
    assert sum(RetentionRun.objects.filter(kind="usage").values_list("removed", flat=True)) == 18
    said = Entry.objects.filter(action="retention_applied", changes__contains="usage")
    assert sum(entry.changes["removed"][1] for entry in said) == 18
    assert RetentionRun.objects.filter(kind="usage", state="interrupted").exists()


@pytest.mark.django_db
def test_what_is_due_is_found_by_an_index_whatever_else_there_is(cast):
    """The plans of the queries that look for the next rows: no table is read through."""
    with CaptureQueriesContext(connection) as captured:
        apply()
    looks = [
        q["sql"]
        for q in captured
        if q["sql"].startswith("SELECT") and "ORDER BY" in q["sql"] and "LIMIT 500" in q["sql"]
    ]
    tables = ("projects_exchange", "projects_conversation", "guards_guardevent")
    assert {name for name in tables for sql in looks if f'FROM "{name}"' in sql} == set(tables)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in looks:
            prefix = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{prefix} {sql}")
            plan = "\n".join(str(row) for row in cursor.fetchall())
            for name in tables:
                assert f"Seq Scan on {name}" not in plan, (sql, plan)
                assert f"SCAN {name}" not in plan, (sql, plan)


@pytest.mark.django_db
def test_days_are_read_by_those_who_read_the_log_they_were(cast):
    UsageDay.objects.create(
        day=date(2025, 1, 1), team_id=cast.research.pk, project_slug="assistant"
    )
    for person, status in (("admin", 200), ("auditor", 200), ("olivia", 200)):
        page = browser(getattr(cast, person)).get("/admin/projects/usageday/")
        assert (page.status_code, b"assistant" in page.content) == (status, True)
    assert b"assistant" not in browser(cast.sam).get("/admin/projects/usageday/").content
