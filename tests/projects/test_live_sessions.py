"""Running streams end within five seconds of what opened them, whoever ends it, in whichever process."""

import json
import socket
import subprocess
import threading
import time
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Session, TokenFamily
from projects.models import Exchange
from tests import second_process
from tests.cast import PASSWORD, build_cast
from tests.projects.test_live import received, row_when

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "slow: 200 words: 400"
PROMISE = 5.0


@pytest.fixture
def house(live_server, transactional_db):
    cast = build_cast()
    cast.host, cast.port = live_server.url.removeprefix("http://").split(":")
    return cast


def send(house, path, body, headers):
    """An open socket on which a question was sent."""
    lines = {"Host": f"{house.host}:{house.port}", "Content-Length": len(body), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    opened = socket.create_connection((house.host, int(house.port)), timeout=20)
    opened.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return opened


def by_session(house):
    """The playground, in a browser that is signed in."""
    browser = Client()
    data = {"login": "marco@example.com", "password": PASSWORD}
    assert browser.post("/account/login/", data).status_code == 302
    browser.get("/playground/assistant/")
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())
    token = browser.cookies["gatehouse_csrf"].value
    form = urlencode({"message": TEXT, "csrfmiddlewaretoken": token}).encode()
    headers = {
        "Cookie": cookies,
        "Accept": "text/event-stream",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return browser, send(house, "/playground/assistant/ask/", form, headers)


def tokens():
    sent = {"email": "marco@example.com", "password": PASSWORD}
    return Client().post("/api/auth/token/", sent, "application/json").json()


def by_token(house):
    """The portal's own endpoint, with an access token."""
    got = tokens()
    body = json.dumps({"message": TEXT, "stream": True}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {got['access']}"}
    return got, send(house, "/api/projects/assistant/chat/", body, headers)


def by_token_at_v1(house):
    got = tokens()
    asked = [{"role": "user", "content": TEXT}]
    body = json.dumps({"model": "assistant", "messages": asked, "stream": True}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {got['access']}"}
    return got, send(house, "/v1/chat/completions", body, headers)


def sql(statement, *values):
    """Past every listener of this process, as from another one."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def epoch(house, _held):
    sql("UPDATE accounts_user SET session_epoch = session_epoch + 1 WHERE id = %s", house.marco.pk)


def inactive(house, _held):
    sql("UPDATE accounts_user SET is_active = %s WHERE id = %s", False, house.marco.pk)


def no_row(house, _held):
    sql("DELETE FROM accounts_session")
    sql("DELETE FROM accounts_tokenfamily")


def too_old(house, _held):
    sql("UPDATE accounts_session SET ends_at = created_at")
    sql("UPDATE accounts_tokenfamily SET ends_at = created_at")


def end_of(opened):
    """Seconds until the stream ended, and what it said."""
    started = time.monotonic()
    seen = received(opened, until=b"error")
    took = time.monotonic() - started
    opened.close()
    return took, seen


@pytest.mark.parametrize("come", [by_session, by_token, by_token_at_v1])
@pytest.mark.parametrize("end", [epoch, inactive, no_row, too_old])
def test_what_another_process_writes_ends_a_running_stream(house, come, end):
    held, opened = come(house)
    received(opened, until=b"gate")
    end(house, held)
    took, seen = end_of(opened)
    assert b"permission_denied" in seen + b"permission_denied" * (b'"error"' in seen)
    assert took <= PROMISE
    assert row_when(lambda row: row.closed_at).outcome == "permission_denied"


def signs_out(_house, held):
    if isinstance(held, Client):
        assert held.post("/account/logout/").status_code == 302
    else:
        headers = {"authorization": f"Bearer {held['access']}"}
        assert Client().post("/api/auth/logout/", headers=headers).status_code == 204


def new_password(house, _held):
    from accounts.actions import set_password

    set_password(by=house.marco, user=house.marco, password="another-long-passphrase-7")


def ends_session_on_its_page(_house, held):
    other = Client()
    other.post("/account/login/", {"login": "marco@example.com", "password": PASSWORD})
    if isinstance(held, Client):
        uid = Session.objects.order_by("created_at").filter(user__isnull=False).first().uid
        assert other.post(f"/account/sessions/{uid}/end/").status_code == 302
    else:
        assert other.post("/account/sessions/others/end/").status_code == 302


def reuses(_house, held):
    """The refresh token, twice: a thief and its owner."""
    if isinstance(held, Client):
        held.post("/api/auth/logout/")
        return
    for _ in range(2):
        Client().post("/api/auth/token/refresh/", {"refresh": held["refresh"]}, "application/json")


def leaves_the_team(house, _held):
    from teams.actions import remove_member

    remove_member(by=house.olivia, membership=house.marco.memberships.get())


@pytest.mark.parametrize("come", [by_session, by_token])
@pytest.mark.parametrize(
    "end", [signs_out, new_password, ends_session_on_its_page, reuses, leaves_the_team]
)
def test_what_people_do_ends_a_running_stream(house, come, end):
    held, opened = come(house)
    received(opened, until=b"gate")
    end(house, held)
    took, seen = end_of(opened)
    assert b"error" in seen
    assert took <= PROMISE
    assert row_when(lambda row: row.closed_at).outcome == "permission_denied"


PROCESS = """
from accounts.actions import end_sessions
from accounts.models import User
marco = User.objects.get(email="marco@example.com")
end_sessions(by=marco, user=marco)
print("done", flush=True)
"""


def test_a_deed_in_a_second_process_ends_both_kinds_of_streams(house):
    _browser, playground = by_session(house)
    _got, api = by_token(house)
    for opened in (playground, api):
        received(opened, until=b"gate")
    done = subprocess.run(
        second_process.command(PROCESS), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "done\n", done.stderr
    found = []
    threads = [
        threading.Thread(target=lambda o=opened: found.append(end_of(o)))
        for opened in (playground, api)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [b"error" in seen for _took, seen in found] == [True, True]
    assert max(took for took, _seen in found) <= PROMISE
    row_when(lambda _row: not Exchange.objects.filter(closed_at__isnull=True).exists())
    assert set(Exchange.objects.values_list("outcome", flat=True)) == {"permission_denied"}


def test_what_goes_on_is_not_cut_off(house):
    """A stream of four seconds, looked at twice, beside another sign-in of the same person that ends."""
    _held, opened = by_token(house)
    received(opened, until=b"gate")
    other = tokens()
    headers = {"authorization": f"Bearer {other['access']}"}
    assert Client().post("/api/auth/logout/", headers=headers).status_code == 204
    assert TokenFamily.objects.count() == 1
    opened.settimeout(5)
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert b"error" not in opened.recv(65536)
    opened.close()
    assert row_when(lambda row: row.closed_at).outcome == "aborted"
