"""How long words are kept: the platform's times, or a team's own, longer or shorter. Money and usage rows stay."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import retention_rows
from portal.models import DataKey
from portal.tasks import apply_retention
from projects import retention
from projects.models import Conversation, Exchange, TeamSpend
from teams.models import Team

SIX_MONTHS = 24 * 180


def set_team(team, **values):
    Team.objects.filter(pk=team.pk).update(**values)


def said(cast, project, hours=0, days=0):
    """An exchange with content and a conversation of this project, so old."""
    moment = timezone.now() - timedelta(hours=hours, days=days)
    team = project.team if project else None
    row = Exchange.objects.create(
        project=project,
        project_slug="x",
        team=team,
        user=cast.marco,
        question="What?",
        answer="That.",
        created_at=moment,
        cost=1,
    )
    talk = None
    if project:
        talk = Conversation.objects.create(
            project=project, user=cast.marco, title="t", updated_at=moment
        )
        talk.messages.create(role="user", content="x")
    return row, talk


def is_kept(row):
    return Exchange.objects.filter(pk=row.pk, question__isnull=False, answer__isnull=False).exists()


@pytest.mark.parametrize(("hours", "age", "kept"), [
    (None, 23, True), (None, 25, False),
    (2, 1, True), (2, 3, False), (2, 23, False),
    (SIX_MONTHS, 25, True), (SIX_MONTHS, SIX_MONTHS + 1, False),
])  # fmt: skip
def test_content_is_kept_as_long_as_its_team_says(cast, hours, age, kept):
    set_team(cast.research, content_hours=hours)
    mine, _talk = said(cast, cast.assistant, hours=age)
    theirs, _talk = said(cast, cast.helpdesk, hours=age)
    nobodys, _talk = said(cast, None, hours=age)
    apply_retention()
    assert is_kept(mine) is kept
    assert is_kept(theirs) is is_kept(nobodys) is (age < 24)
    assert Exchange.objects.filter(cost=1).count() == 3


@pytest.mark.parametrize(("days", "age", "kept"), [
    (None, 89, True), (None, 91, False),
    (7, 6, True), (7, 8, False),
    (365, 91, True), (365, 366, False),
])  # fmt: skip
def test_conversations_are_kept_as_long_as_their_team_says(cast, days, age, kept):
    set_team(cast.research, conversation_days=days)
    _row, mine = said(cast, cast.assistant, days=age)
    _row, theirs = said(cast, cast.helpdesk, days=age)
    apply_retention()
    assert Conversation.objects.filter(pk=mine.pk).exists() is kept
    assert Conversation.objects.filter(pk=theirs.pk).exists() is (age < 90)


def test_a_deleted_projects_content_is_held_to_its_teams_time(cast):
    set_team(cast.research, content_hours=2)
    row, _talk = said(cast, cast.drafts, hours=3)
    cast.drafts.delete()
    apply_retention()
    assert not is_kept(row)


def test_a_dry_run_counts_what_the_real_one_removes_and_removes_nothing(cast):
    set_team(cast.research, content_hours=2, conversation_days=7)
    for project in (cast.assistant, cast.helpdesk):
        for days in (0, 8, 100):
            said(cast, project, days=days)
    TeamSpend.objects.create(
        team=cast.research, month=timezone.now().date().replace(day=1), spent_micros=7
    )
    out = StringIO()
    call_command("apply_retention", "--dry-run", stdout=out)
    assert out.getvalue() == (
        "Logged content: 4 would be removed\n"
        f"    2 of team {cast.research.pk}\n    2 of team {cast.support.pk}\n"
        "Conversations: 3 would be removed\n"
        f"    2 of team {cast.research.pk}\n    1 of team {cast.support.pk}\n"
        "Usage details: 0 would be removed\nGuard events: 0 would be removed\n"
        "Audit trail: 0 would be removed\n"
    )
    assert Exchange.objects.filter(question__isnull=False).count() == 6
    out = StringIO()
    call_command("apply_retention", stdout=out)
    assert out.getvalue() == (
        "Logged content: 4 removed\nConversations: 3 removed\nUsage details: 0 removed\n"
        "Guard events: 0 removed\nAudit trail: 0 removed\n"
    )
    assert set(apply_retention().values()) == {0}
    assert Exchange.objects.count() == 6
    assert TeamSpend.objects.get().spent_micros == 7


def test_it_goes_in_small_batches(cast, monkeypatch):
    monkeypatch.setattr(retention_rows, "BATCH", 2)
    for _ in range(5):
        said(cast, cast.assistant, days=100)
    with CaptureQueriesContext(connection) as captured:
        found = apply_retention()
    assert found == {"contents": 5, "conversations": 5, "usage": 0, "events": 0, "audit": 0}
    updates = [q for q in captured if q["sql"].startswith('UPDATE "projects_exchange"')]
    assert len([q for q in updates if '"question" = NULL' in q["sql"]]) == 3


def test_a_visitors_key_stays_as_long_as_anything_under_it(cast):
    set_team(cast.support, content_hours=SIX_MONTHS)
    old = timezone.now() - timedelta(hours=30)
    for name, project in (("long", cast.helpdesk), ("short", cast.assistant)):
        row = Exchange(project=project, project_slug="x", team=project.team, visitor=name)
        row.question, row.answer, row.created_at = "What?", "That.", old
        row.save()
    DataKey.objects.of_visitors().update(created_at=old)
    apply_retention()
    assert list(DataKey.objects.of_visitors().values_list("owner", flat=True)) == ["visitor:long"]
    assert Exchange.objects.get(visitor="long").question == "What?"


def test_the_keys_of_visitors_go_in_small_batches_too(cast, monkeypatch):
    """What is asked of the usage log is asked once a batch, and not once a key."""
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        row = Exchange(project_slug="x", team=cast.research, visitor=f"v{number}")
        row.question = row.answer = "What?"
        row.save()
    Exchange.objects.exclude(visitor="v3").update(question=None, answer=None)
    old = timezone.now() - timedelta(hours=30)
    DataKey.objects.of_visitors().update(created_at=old)
    with CaptureQueriesContext(connection) as captured:
        apply_retention()
    assert list(DataKey.objects.of_visitors().values_list("owner", flat=True)) == ["visitor:v3"]
    asked = [q for q in captured if '"visitor" IN' in q["sql"]]
    assert len(asked) == 3
