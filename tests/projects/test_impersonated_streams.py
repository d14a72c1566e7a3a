"""A stream that a platform admin began as somebody else is dead within five seconds of the end of its right.

The ends are written past the portal's code, as another process would have done it: nothing here hears of them.
"""

import re
import time

import pytest
import requests
from django.db import connection
from django.test import Client
from django.utils import timezone

from projects.models import Exchange
from tests.accounts.test_impersonation import start
from tests.cast import build_cast
from tests.projects.test_live import row_when

pytestmark = pytest.mark.django_db(transaction=True)
PROMISED_S = 5.0


@pytest.fixture
def as_marco(live_server, transactional_db):
    """A browser of the admin's that acts as marco."""
    cast = build_cast()
    client = Client()
    client.force_login(cast.admin)
    assert start(client, cast.marco, may_write="on").status_code == 302
    cast.browser = requests.Session()
    cast.browser.cookies.set("gatehouse_session", client.cookies["gatehouse_session"].value)
    cast.url = live_server.url
    return cast


def asked(cast, text):
    """The open answer to a streamed question in the playground."""
    page = cast.browser.get(f"{cast.url}/playground/assistant/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    return cast.browser.post(
        f"{cast.url}/playground/assistant/ask/",
        data={"message": text, "csrfmiddlewaretoken": token},
        headers={"Accept": "text/event-stream", "Referer": f"{cast.url}/"},
        stream=True,
        timeout=30,
    )


def elsewhere(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount == 1


ENDS = {
    "ended": ("UPDATE accounts_impersonation SET ended_at = %s", lambda cast: [timezone.now()]),
    "over": ("UPDATE accounts_impersonation SET ends_at = %s", lambda cast: [timezone.now()]),
    "person deactivated": (
        "UPDATE accounts_user SET is_active = %s WHERE id = %s",
        lambda cast: [False, cast.marco.pk],
    ),
    "person stronger": (
        "UPDATE accounts_user SET is_superuser = %s WHERE id = %s",
        lambda cast: [True, cast.marco.pk],
    ),
    "admin no more": (
        "UPDATE accounts_user SET is_superuser = %s WHERE id = %s",
        lambda cast: [False, cast.admin.pk],
    ),
    "admin's sessions ended": (
        "UPDATE accounts_user SET session_epoch = session_epoch + %s WHERE id = %s",
        lambda cast: [1, cast.admin.pk],
    ),
    "session removed": (
        "DELETE FROM accounts_session WHERE user_id = %s",
        lambda cast: [cast.admin.pk],
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_running_stream_is_dead_within_five_seconds(as_marco, how):
    sql, values = ENDS[how]
    answer = asked(as_marco, "slow: 100 words: 400")
    assert answer.status_code == 200
    lines = answer.iter_lines()
    while b"gate" not in next(lines):
        pass
    elsewhere(sql, *values(as_marco))
    began = time.monotonic()
    rest = b"\n".join(lines)
    assert time.monotonic() - began < PROMISED_S
    assert b'"permission_denied"' in rest
    row = row_when(lambda row: row.closed_at)
    assert (row.outcome, row.user_id, row.acted_by_id) == (
        "permission_denied",
        as_marco.marco.pk,
        as_marco.admin.pk,
    )


def test_a_stream_that_holds_comes_to_its_end(as_marco):
    assert b"event: done" in asked(as_marco, "words: 30").content
    assert Exchange.objects.get().outcome == "answered"
