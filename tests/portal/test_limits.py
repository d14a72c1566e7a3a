"""Exactness of the limiter on the configured database and on a real Redis."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from portal import limit_stores, limits
from portal.limits import Limit, take
from portal.models import Bucket

pytestmark = pytest.mark.django_db(transaction=True)

NOON = 1_800_000_000_000_000  # microseconds


@pytest.fixture(params=["database", "redis"])
def store(request, settings):
    if request.param == "redis":
        server = request.getfixturevalue("limit_redis")
        Redis.from_url(server.url).flushall()
        settings.REDIS_URL = server.url
    else:
        settings.REDIS_URL = ""
    limit_stores.forget_stores()
    yield request.param
    limit_stores.forget_stores()


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = NOON

        def advance(self, seconds: float) -> None:
            self.now += round(seconds * 1_000_000)

    frozen = Clock()
    monkeypatch.setattr(limits, "clock", lambda: frozen.now)
    return frozen


def allowed_of(attempts: int, *wanted: Limit) -> int:
    return sum(take(list(wanted)).allowed for _ in range(attempts))


def in_parallel(attempts: int, threads: int, *wanted: Limit) -> int:
    barrier = threading.Barrier(threads)

    def attempt(_number: int) -> int:
        barrier.wait()
        try:
            return allowed_of(attempts // threads, *wanted)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(attempt, range(threads)))


def test_a_limit_lets_exactly_its_number_pass_at_once(store, clock):
    assert allowed_of(30, Limit("project:1", 7, 60)) == 7


def test_one_trickles_in_every_interval_and_all_after_the_period(store, clock):
    limit = Limit("project:1", 60, 60)
    assert allowed_of(100, limit) == 60
    clock.advance(0.999999)
    assert allowed_of(3, limit) == 0
    clock.advance(0.000001)
    assert allowed_of(3, limit) == 1
    clock.advance(2.5)
    assert allowed_of(5, limit) == 2
    clock.advance(600)
    assert allowed_of(100, limit) == 60


def test_a_burst_may_be_larger_than_what_trickles_in_a_period(store, clock):
    limit = Limit("key:1", 10, 1, burst=20)
    assert allowed_of(40, limit) == 20
    clock.advance(1)
    assert allowed_of(40, limit) == 10


def test_no_rounding_lets_one_more_pass(store, clock):
    limit = Limit("key:1", 7, 1)
    total = 0
    for _step in range(100):
        total += allowed_of(10, limit)
        clock.advance(0.1)
    assert total <= 7 + 7 * 9.9


def test_several_limits_are_taken_all_or_nothing(store, clock):
    wide, narrow = Limit("a:wide", 10, 60), Limit("b:narrow", 3, 60)
    assert allowed_of(10, wide, narrow) == 3
    assert allowed_of(20, wide) == 7


def test_a_refusal_takes_nothing(store, clock):
    limit = Limit("project:1", 2, 60)
    assert allowed_of(200, limit) == 2
    clock.advance(30)
    assert allowed_of(200, limit) == 1


def test_the_figures_say_what_is_left_and_when_to_come_back(store, clock):
    limit = Limit("project:1", 3, 60)
    first = take([limit])
    assert (first.allowed, first.limit, first.remaining, first.reset) == (True, 3, 2, 20)
    assert allowed_of(2, limit) == 2
    clock.advance(5)
    refused = take([Limit("team:1", 100, 60), limit])
    assert not refused.allowed
    assert refused.key == "project:1"
    assert refused.retry_after == 15
    assert refused.headers() == {
        "RateLimit-Limit": "3",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "55",
    }
    clock.advance(refused.retry_after)
    assert take([limit]).allowed


def test_a_limit_of_zero_closes_and_no_limit_at_all_opens(store):
    assert not take([Limit("project:1", 0, 60)]).allowed
    assert take([]).allowed
    assert take([]).headers() == {}


def test_two_limits_of_one_key_are_a_mistake(store):
    with pytest.raises(ValueError, match="share a key"):
        take([Limit("a", 1, 1), Limit("a", 2, 1)])


def test_it_refuses_to_run_inside_a_transaction(store):
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside of transactions"):
        take([Limit("a", 1, 1)])


def test_of_ten_times_as_many_parallel_requests_exactly_the_limit_passes(store):
    assert in_parallel(400, 8, Limit("project:1", 40, 3600)) == 40


def test_parallel_requests_with_several_limits_neither_deadlock_nor_leak(store):
    a, b = Limit("a", 30, 3600), Limit("b", 50, 3600)
    barrier = threading.Barrier(8)

    def attempt(number: int) -> int:
        barrier.wait()
        try:
            return allowed_of(25, *((a, b) if number % 2 else (b, a)))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 30
    assert allowed_of(60, b) == 20


PROCESS = """
import sys, django
from django.conf import settings
from portal.environment import ROOT
django.setup()
settings.REDIS_URL = sys.argv[1]
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[2]
from portal.limits import Limit, take
print("ready", flush=True)
sys.stdin.readline()
print(sum(take([Limit("project:1", 40, 3600)]).allowed for _ in range(100)))
"""


def test_processes_share_a_limit(store):
    command = [sys.executable, "-c", PROCESS, settings.REDIS_URL]
    command.append(str(connection.settings_dict["NAME"]))
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=60)[0] for worker in workers]
    assert sum(int(output.split()[-1]) for output in outputs) == 40


# Loss of a store


@pytest.fixture
def redis(settings, limit_redis):
    settings.REDIS_URL = limit_redis.url
    client = Redis.from_url(limit_redis.url)
    client.flushall()
    limit_stores.forget_stores()
    yield client
    limit_stores.forget_stores()


def test_a_redis_that_lost_its_memory_starts_with_full_buckets(redis, clock):
    limit = Limit("project:1", 60, 60)
    assert allowed_of(100, limit) == 60
    redis.flushall()
    assert allowed_of(100, limit) == 0
    clock.advance(3)
    assert allowed_of(100, limit) == 3


def test_a_dead_redis_degrades_to_the_database_and_never_lets_more_pass(
    redis, limit_redis, clock, monkeypatch
):
    monkeypatch.setattr(limit_stores, "REDIS_PAUSE_S", 0.0)
    limit = Limit("project:1", 60, 60)
    assert allowed_of(10, limit) == 10
    assert not limits.is_degraded()
    limit_redis.stop()
    try:
        assert in_parallel(80, 8, limit) == 0
        assert limits.is_degraded()
        clock.advance(2)
        assert allowed_of(5, limit) == 2
    finally:
        limit_redis.start()
    assert allowed_of(100, limit) == 0
    assert not limits.is_degraded()
    clock.advance(1)
    assert allowed_of(5, limit) == 1


def test_a_process_that_starts_without_its_redis_works_degraded_and_says_so(
    settings, clock, redis, client
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limit = Limit("project:1", 60, 60)
    assert not take([limit]).allowed
    clock.advance(1)
    assert take([limit]).allowed
    assert limits.is_degraded()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["limits"]) == (200, "degraded")


def test_a_change_of_stores_starts_with_full_buckets_both_ways(settings, redis, limit_redis, clock):
    limit = Limit("project:1", 60, 60)
    for url in ("", limit_redis.url, ""):
        settings.REDIS_URL = url
        limit_stores.forget_stores()
        allowed_of(100, limit)
        limit_stores.forget_stores()
        settings.REDIS_URL = "" if url else limit_redis.url
        assert allowed_of(100, limit) == 0
        clock.advance(120)


def test_a_restart_forgets_nothing(store, clock):
    limit = Limit("project:1", 60, 60)
    assert allowed_of(40, limit) == 40
    limit_stores.forget_stores()
    assert allowed_of(100, limit) == 20


def test_the_database_answers_in_two_statements(settings, django_assert_num_queries):
    settings.REDIS_URL = ""
    limit_stores.forget_stores()
    take([Limit("a", 9, 1)])
    with django_assert_num_queries(4):  # begin, lock, write, commit
        take([Limit("a", 9, 1), Limit("b", 9, 1)])
    limit_stores.forget_stores()


def test_buckets_that_have_run_empty_are_cleared(settings):
    from portal.tasks import clear_buckets

    settings.REDIS_URL = ""
    limit_stores.forget_stores()
    take([Limit("old", 1, 0.001)])
    Bucket.objects.filter(key="old").update(tat=1)
    take([Limit("new", 1, 86_400)])
    clear_buckets()
    assert set(Bucket.objects.values_list("key", flat=True)) == {"new", limit_stores.ACTIVE}
