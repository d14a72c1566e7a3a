"""What it costs to find out who asks: counted in queries, for one team and for fifty.

Counted is a whole request whose own answer costs nothing (`/api/users/me/`). On PostgreSQL the transaction's words
(BEGIN, SAVEPOINT, COMMIT) are left out; what a transaction may touch is said with its BEGIN, below what is captured.
Basic's limits are in Redis, as in an installation: without it the limiter's own six come on top.
"""

import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import key_use
from accounts.models import Key, Session
from portal import recording
from portal.limit_stores import forget_stores
from teams.models import Membership, Team
from tests.accounts.test_sessions import signed_in
from tests.accounts.test_tokens_api import bearer, get_tokens
from tests.cast import PASSWORD

ME = "/api/users/me/"
WORDS = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
COLD, WARM = 4, 2


@pytest.fixture
def redis(settings, redis_server):
    settings.REDIS_URL = redis_server
    settings.BASIC_AUTH = True
    forget_stores()
    yield
    forget_stores()


def by_session(cast):
    client = signed_in()
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    return client, {}


def by_key(cast):
    return Client(), cast.bearer(cast.marco)


def by_token(cast):
    return Client(), bearer(get_tokens()["access"])


def by_basic(cast):
    words = base64.b64encode(f"marco@example.com:{PASSWORD}".encode()).decode()
    return Client(), {"authorization": f"Basic {words}"}


def forget():
    for listener in recording._listeners:
        listener("tests")


@pytest.mark.parametrize("teams", [1, 50])
@pytest.mark.parametrize("come", [by_session, by_key, by_token, by_basic])
def test_authenticating_costs_four_queries_cold_and_two_warm_whatever_the_number_of_teams(
    cast, come, teams, redis
):
    for number in range(teams - 1):
        team = Team.objects.create(slug=f"t{number}", name=f"T{number}")
        Membership.objects.create(team=team, user=cast.marco, role="member")
    client, headers = come(cast)
    get_tokens("vera@example.com")  # what a process reads once: address rules, the limiter's epoch
    client.get(ME, headers=headers)
    # As a process meets it that has never seen the caller, a while after somebody else did.
    Key.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    forget()
    key_use.known.forget()
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(ME, headers=headers)
        assert answer.json()["email"] == "marco@example.com"
        costs.append([q["sql"] for q in captured if not q["sql"].startswith(WORDS)])
    cold, warm = costs
    assert len(cold) <= COLD, cold
    assert len(warm) <= WARM, warm


def test_a_keys_first_use_from_a_network_is_noted_with_one_statement_more(cast, redis):
    client, headers = by_key(cast)
    get_tokens("vera@example.com")
    forget()
    key_use.known.forget()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(ME, headers=headers).status_code == 200
    found = [q["sql"] for q in captured if not q["sql"].startswith(WORDS)]
    assert len(found) <= COLD + 1, found


def test_without_redis_the_limiter_adds_six_statements_to_a_look_at_a_password(cast, settings):
    settings.BASIC_AUTH = True
    get_tokens("vera@example.com")
    client, headers = by_basic(cast)
    forget()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(ME, headers=headers).status_code == 200
    found = [q["sql"] for q in captured if not q["sql"].startswith(WORDS)]
    limiter = [sql for sql in found if "portal_bucket" in sql]
    assert len(limiter) <= 6, limiter
    assert len(found) - len(limiter) <= COLD
    with CaptureQueriesContext(connection) as captured:
        assert client.get(ME, headers=headers).status_code == 200
    assert len(captured) <= WARM
