"""Eight processes guess at one account at a time: exactly the configured number of passwords is looked at."""

import subprocess

import pytest
from redis import Redis

from accounts.models import User
from audit.models import Entry
from portal.platform_settings import value
from tests import second_process
from tests.accounts.codes import with_factor
from tests.cast import PASSWORD, build_cast

pytestmark = pytest.mark.django_db(transaction=True)

PROCESS = """
import base64
from django.test import Client
from portal import limits
limits.clock = lambda: 1_800_000_000_000_000  # frozen: nothing trickles in meanwhile
settings.REDIS_URL, number, door, password = sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
print("ready", flush=True)
sys.stdin.readline()
settings.BASIC_AUTH = True
MARCO = {"login": "marco@example.com", "password": "wrong"}
PAIR = base64.b64encode(b"marco@example.com:wrong").decode()
client = Client()
if door == "code":
    first = client.post("/account/login/", {**MARCO, "password": password})
    assert first["Location"] == "/account/second-factor/verify/", first
def knock(address):
    if door == "page":
        return Client(REMOTE_ADDR=address).post("/account/login/", MARCO)
    if door == "token":
        body = {"email": "marco@example.com", "password": "wrong"}
        return Client(REMOTE_ADDR=address).post("/api/auth/token/", body, "application/json")
    if door == "basic":
        headers = {"authorization": "Basic " + PAIR}
        return Client(REMOTE_ADDR=address).get("/api/users/me/", headers=headers)
    return client.post("/account/second-factor/verify/", {"code": "ABCDABCDABCDABCD"}, REMOTE_ADDR=address)
tried = 0
for turn in range(14):
    response = knock(f"10.{number}.{turn // 8}.{turn % 8 + 1}")
    assert response.status_code in (200, 401, 429), response.status_code
    tried += response.status_code != 429
print(tried)
"""


# Which database stands behind it makes no difference to Redis, nor to a door that counts in the same buckets.
ONCE = pytest.mark.once


@pytest.fixture(params=["database", pytest.param("redis", marks=ONCE)])
def redis_url(request):
    if request.param == "database":
        return ""
    url = request.getfixturevalue("redis_server")
    Redis.from_url(url).flushall()
    return url


FAILED = {"code": "second_factor_failed"}


@pytest.mark.parametrize(
    "door", ["page", "code", pytest.param("token", marks=ONCE), pytest.param("basic", marks=ONCE)]
)
def test_exactly_so_many_are_tried_and_the_owner_is_told_once(redis_url, transactional_db, door):
    cast = build_cast()
    if door == "code":
        with_factor(cast.marco)
    workers = [
        subprocess.Popen(
            second_process.command(PROCESS, redis_url, str(number), door, PASSWORD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 8
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=300)[0] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    tried = sum(int(output.split()[-1]) for output in outputs)
    assert tried == value("failed_sign_ins")
    failed = FAILED.get(door, "sign_in_failed")
    assert Entry.objects.filter(action=failed).count() == tried
    assert Entry.objects.filter(action="guessing_stopped").count() == 1
    assert cast.marco.notices.filter(kind="guessing").count() == 1
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)
