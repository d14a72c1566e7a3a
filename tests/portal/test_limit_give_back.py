"""Limits that count failures only: what was taken before the attempt comes back on success."""

import pytest

from portal.limit_stores import forget_stores
from portal.limits import Limit, give_back, take

LIMITS = [Limit("fail:a", 3, 300), Limit("fail:b", 3, 300)]


@pytest.fixture(params=["database", "redis"])
def store(request, settings, db):
    settings.REDIS_URL = request.getfixturevalue("redis_server") if request.param == "redis" else ""
    forget_stores()
    yield request.param
    forget_stores()


def test_what_was_given_back_can_be_taken_again(store):
    for _ in range(10):
        assert take(LIMITS).allowed
        give_back(LIMITS)
    assert [take(LIMITS).allowed for _ in range(4)] == [True, True, True, False]
    give_back(LIMITS)
    assert [take(LIMITS).allowed for _ in range(2)] == [True, False]


def test_giving_back_what_nobody_took_changes_nothing(store):
    give_back([Limit("fail:unknown", 3, 300)])
    assert [take([Limit("fail:unknown", 3, 300)]).allowed for _ in range(4)].count(True) == 3
