"""What the hot path costs: counted, not timed."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.limit_stores import forget_stores
from projects.models import Project
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


@pytest.mark.parametrize("budget", [None, Decimal(1000)])
def test_a_warm_guarded_completion_costs_four_statements_at_most(cast, model_server, redis, budget):
    connect(cast, model_server)
    Project.objects.filter(slug="assistant").update(monthly_budget=budget)
    headers = cast.bearer(cast.marco)

    def ask():
        response = Client().post(
            "/v1/chat/completions", question("hello"), "application/json", headers=headers
        )
        assert response.status_code == 200

    ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    assert len(statements(captured)) <= 4, statements(captured)


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
