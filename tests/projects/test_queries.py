"""What the hot path costs: counted, not timed."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Key
from portal.limit_stores import forget_stores
from projects.models import Exchange, Project, Spend, TeamSpend
from teams.models import Team
from tests.cast import connect
from tests.projects.doors import question


@pytest.fixture
def redis(settings, redis_server):
    settings.REDIS_URL = redis_server
    forget_stores()
    yield
    forget_stores()


def statements(captured):
    return [
        q["sql"] for q in captured if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))
    ]


def with_budget(cast, model_server, budget):
    connect(cast, model_server)
    Project.objects.filter(slug="assistant").update(monthly_budget=budget)
    headers = cast.bearer(cast.marco)

    def ask():
        return Client().post(
            "/v1/chat/completions", question("hello"), "application/json", headers=headers
        )

    return ask


@pytest.mark.django_db(transaction=True)
def test_what_locks_the_months_spending_travels_alone_or_with_commit(cast, model_server, redis):
    """Every exchange of a project writes that row: nobody holds its lock while waiting for a message."""
    if connection.vendor != "postgresql":
        return
    ask = with_budget(cast, model_server, Decimal(1000))
    Team.objects.update(monthly_budget=Decimal(1000))
    assert ask().status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == 200
    said = [query["sql"] for query in captured if "portal.teams" not in query["sql"][:40]]
    for table in ("projects_spend", "projects_teamspend"):
        opening, *closing = [query["sql"] for query in captured if table in query["sql"]]
        assert "SET LOCAL" in opening
        assert "INSERT INTO projects_exchange" in opening
        assert [sql.rstrip()[-8:] for sql in closing] == ["; COMMIT"]
        assert said.index(closing[0]) > 0
        assert closing[0].index("projects_spend") < closing[0].index("projects_teamspend")
    assert TeamSpend.objects.get().reserved_micros == 0
    spend = Spend.objects.get()
    assert (spend.reserved_micros, spend.team_id) == (0, cast.research.pk)
    assert spend.spent_micros > 0


@pytest.mark.django_db(transaction=True)
def test_an_exchange_without_room_in_the_budget_reserves_nothing(cast, model_server, redis):
    ask = with_budget(cast, model_server, Decimal("0.000001"))
    assert ask().status_code == 402
    assert not Spend.objects.exists()
    Project.objects.filter(slug="assistant").update(monthly_budget=Decimal(1))
    month = timezone.now().date().replace(day=1)
    Spend.objects.create(project=cast.assistant, month=month, spent_micros=1_000_000)
    assert ask().status_code == 402
    assert Spend.objects.get().reserved_micros == 0
    assert set(Exchange.objects.values_list("outcome", "reserved_micros")) == {
        ("budget_exceeded", 0)
    }


@pytest.mark.parametrize("team_budget", [None, Decimal(1000)])
@pytest.mark.parametrize("key_budget", [None, Decimal(1000)])
@pytest.mark.parametrize("budget", [None, Decimal(1000)])
def test_a_warm_guarded_completion_costs_four_statements_at_most(
    cast, model_server, redis, budget, key_budget, team_budget
):
    """On PostgreSQL. SQLite cannot write two tables in one statement: what each budget reserves costs it another
    there, and what a team spent is a third to be counted."""
    ask = with_budget(cast, model_server, budget)
    Key.objects.update(monthly_budget=key_budget)
    Team.objects.filter(pk=cast.research.pk).update(
        monthly_budget=team_budget, requests_per_minute=1000
    )
    assert ask().status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == 200
    most = 4
    if connection.vendor == "sqlite":
        most = 5 + bool(budget) + bool(key_budget) + bool(team_budget)
    assert len(statements(captured)) <= most, statements(captured)


@pytest.mark.parametrize("many", [2, 60])
def test_home_and_playground_cost_the_same_however_much_there_is(cast, many):
    for number in range(many):
        Project.objects.create(
            slug=f"p{number}",
            name=f"P{number}",
            team=cast.research,
            model=cast.model,
            visibility="public",
        )
        cast.assistant.conversations.create(user=cast.marco, title=f"talk {number}")
    talk = cast.assistant.conversations.first()
    for number in range(many):
        talk.messages.create(
            role="user" if number % 2 else "assistant", content=f"message {number}"
        )
    client = Client()
    client.force_login(cast.marco)
    for url, bound in (("/", 6), (f"/playground/assistant/{talk.uid}/", 9)):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        assert len(statements(captured)) <= bound, (url, len(captured), statements(captured))
