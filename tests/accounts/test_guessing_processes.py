"""Eight processes guess at one account at a time: exactly the configured number of passwords is looked at."""

import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from audit.models import Entry
from tests.cast import PASSWORD, build_cast
from tests.strict import ROLE

pytestmark = pytest.mark.django_db(transaction=True)

PROCESS = """
import sys, django
from django.conf import settings
django.setup()
from django.db import connection
from django.db.backends.signals import connection_created
settings.REDIS_URL = sys.argv[1]
settings.ALLOWED_HOSTS = ["testserver"]
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
connection.settings_dict["NAME"] = sys.argv[2]
from django.test import Client
from portal import limits
limits.clock = lambda: 1_800_000_000_000_000  # frozen: nothing trickles in meanwhile
number, role = int(sys.argv[3]), sys.argv[4]
def become(sender, connection, **_):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
connection_created.connect(become)
print("ready", flush=True)
sys.stdin.readline()
tried = 0
for turn in range(100):
    address = f"10.{number}.{turn // 8}.{turn % 8 + 1}"
    data = {"login": "marco@example.com", "password": "wrong"}
    response = Client(REMOTE_ADDR=address).post("/account/login/", data)
    assert response.status_code in (200, 429), response.status_code
    tried += response.status_code == 200
print(tried)
"""


@pytest.fixture(params=["database", "redis"])
def redis_url(request):
    if request.param == "database":
        return ""
    return request.getfixturevalue("redis_server")


def test_exactly_so_many_are_tried_and_the_owner_is_told_once(redis_url, transactional_db):
    cast = build_cast()
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", PROCESS, redis_url),
                *(str(connection.settings_dict["NAME"]), str(number), ROLE),
            ],
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
    assert tried == settings.FAILED_SIGN_INS
    assert Entry.objects.filter(action="sign_in_failed").count() == tried
    assert Entry.objects.filter(action="guessing_stopped").count() == 1
    assert cast.marco.notices.filter(kind="guessing").count() == 1
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)
