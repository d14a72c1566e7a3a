"""What a door refused and what broke leaves one entry of its own, whatever was rolled back; strangers fill no trail."""

import pytest
from django.db import transaction
from django.test import Client

from audit import strangers as limiter
from audit.models import Entry
from audit.strangers import ALL, EACH, strangers
from portal import failures
from portal.celery import app
from portal.models import Setting
from teams.models import Team
from tests.audit import ledger
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


def browser(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def said(since, **wanted):
    entries = Entry.objects.filter(id__gt=since, **wanted).exclude(outcome="done")
    return [(one.action, one.outcome, one.status, one.reason) for one in entries.order_by("id")]


JSON = "application/json"
REFUSED = {
    "one may not": ("marco", "post", "/api/teams/", {"slug": "x", "name": "X"}, 403),
    "one does not see it": ("marco", "patch", "/api/teams/support/", {"name": "X"}, 404),
    "it conflicts": ("admin", "delete", "/api/providers/offline/", {}, 409),
    "it is not valid": ("admin", "post", "/api/teams/", {"slug": "Not One"}, 422),
    "it is no such method": ("admin", "put", "/api/keys/", {}, 405),
    "a page refuses": ("rita", "post", "/account/", {"name": "R"}, 403),
    "the console is closed": ("marco", "post", "/admin/teams/team/add/", {"name": "X"}, 403),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_refused_deed_leaves_one_entry(cast, why):
    name, method, path, body, status = REFUSED[why]
    user, since = getattr(cast, name), ledger.last_id()
    client, before = browser(user), ledger.tables()
    kind = (JSON,) if path.startswith("/api/") else ()
    since = ledger.last_id()
    answer = getattr(client, method)(path, body, *kind)
    assert answer.status_code == status
    (entry,) = Entry.objects.filter(id__gt=since)
    assert (entry.action, entry.outcome, entry.status) == ("request_refused", "refused", status)
    assert (entry.method, entry.path) == (method.upper(), path)
    assert (entry.actor_user_id, entry.request_id) == (user.pk, answer["X-Request-ID"])
    assert entry.reason
    assert ledger.differences(before, ledger.tables()) == {}


def test_a_key_that_is_refused_is_named(cast):
    headers = cast.bearer(cast.marco, scopes=["chat"])
    since = ledger.last_id()
    answer = Client().post("/api/projects/", {}, JSON, headers=headers)
    assert answer.status_code == 403
    assert said(since, actor_kind="key", actor_user_id=cast.marco.pk) == [
        ("request_refused", "refused", 403, "permission_denied")
    ]


def test_a_look_that_is_refused_leaves_nothing(cast):
    client, since = browser(cast.marco), ledger.last_id()
    assert client.get("/admin/").status_code == 403
    assert client.get("/api/teams/support/").status_code == 404
    assert said(since) == []


@pytest.mark.parametrize(("method", "path"), [("post", "/account/"), ("get", "/account/")])
def test_what_breaks_leaves_one_entry_and_nothing_of_what_it_did(cast, monkeypatch, method, path):
    def breaks(*_, **__):
        Setting.objects.create(name="key_rotation_days", value=45)
        raise RuntimeError("a secret detail")

    client, since = browser(cast.marco), ledger.last_id()
    monkeypatch.setattr("accounts.pages.profile.render", transaction.atomic(breaks), raising=False)
    monkeypatch.setattr("accounts.models.User.save", transaction.atomic(breaks))
    answer = getattr(client, method)(path, {"name": "Lost"})
    assert answer.status_code == 500
    (entry,) = Entry.objects.filter(id__gt=since)
    assert (entry.action, entry.outcome, entry.status) == ("request_failed", "failed", 500)
    assert (entry.actor_user_id, entry.path) == (cast.marco.pk, path)
    assert "secret" not in f"{entry.reason}{entry.changes}"
    assert not Setting.objects.exists()


def test_what_says_so_itself_says_it_once(cast):
    """An exchange, a sign-in, a deed in another's name."""
    key = cast.bearer(cast.marco)
    since = ledger.last_id()
    asked = {"model": "helpdesk", "messages": [{"role": "user", "content": "say: hello"}]}
    assert Client().post("/v1/chat/completions", asked, JSON, headers=key).status_code == 404
    assert said(since) == [("exchange_refused", "refused", 404, "not_found")]
    since = ledger.last_id()
    wrong = {"email": "marco@example.com", "password": "wrong"}
    assert Client().post("/api/auth/token/", wrong, JSON).status_code == 401
    assert [one[0] for one in said(since)] == ["sign_in_failed"]
    admin = browser(cast.admin)
    wanted = {"reason": "Ticket 4711: a page is missing", "minutes": "15"}
    admin.post(f"/admin/accounts/user/{cast.marco.pk}/impersonate/", wanted)
    since = ledger.last_id()
    assert admin.post("/account/", {"name": "X"}).status_code == 403
    assert [one[0] for one in said(since)] == ["refused_while_impersonating"]


def test_what_is_no_door_leaves_nothing(cast):
    since = ledger.last_id()
    for client in (Client(), browser(cast.marco)):
        assert client.post("/wp-login.php", {"log": "x"}).status_code == 404
    assert said(since) == []


def knock(address="192.0.2.1"):
    return Client().post("/api/teams/", {}, JSON, REMOTE_ADDR=address)


def test_strangers_fill_a_bounded_part_and_what_is_left_out_is_counted(db, monkeypatch):
    for _ in range(EACH + 5):
        assert knock().status_code == 401
    assert len(said(0)) == EACH
    now = limiter.time.monotonic()
    monkeypatch.setattr(limiter.time, "monotonic", lambda: now + 61)
    knock()
    entry = Entry.objects.latest("id")
    assert entry.changes == {"left_out": [None, 5]}
    assert (entry.actor_kind, entry.address) == ("anonymous", "192.0.2.1")
    strangers.forget()
    since = ledger.last_id()
    for number in range(ALL + 10):
        knock(f"192.0.2.{number}")
    assert len(said(since)) == ALL


def test_known_people_are_written_however_often(cast):
    client, since = browser(cast.marco), ledger.last_id()
    for _ in range(EACH + 5):
        assert client.post("/api/teams/", {}, JSON).status_code == 403
    assert len(said(since)) == EACH + 5


def test_a_failed_sign_in_takes_nothing_of_what_strangers_have(cast):
    for _ in range(5):
        wrong = {"email": "marco@example.com", "password": "wrong"}
        Client().post("/api/auth/token/", wrong, JSON, REMOTE_ADDR="192.0.2.7")
    assert len(said(0, action="sign_in_failed")) == 5
    assert said(0, action="request_refused") == []
    right = {"login": "marco@example.com", "password": PASSWORD}
    assert Client().post("/account/login/", right).status_code == 302


def test_a_task_that_breaks_off_leaves_one_entry(db):
    @app.task(name="tests.breaks")
    def breaks():
        with transaction.atomic():
            Team.objects.create(slug="lost", name="Lost")
            raise RuntimeError("a secret detail")

    assert breaks.apply().failed()
    (entry,) = Entry.objects.all()
    assert (entry.action, entry.outcome, entry.method) == ("task_failed", "failed", "TASK")
    assert (entry.path, entry.actor_kind) == ("tests.breaks", "system")
    assert entry.changes == {"error": [None, "RuntimeError"]}


@pytest.mark.parametrize(
    ("error", "name", "left"),
    [
        (RuntimeError("a secret detail"), "load_demo", [("command_failed", "failed", None, "")]),
        (SystemExit(1), "create_admin", [("command_failed", "refused", None, "")]),
        (SystemExit(0), "create_admin", []),
        (SystemExit(1), "serve", []),
        (RuntimeError(), "migrate", []),
    ],
)
def test_a_command_of_ours_that_breaks_off_leaves_one_entry(db, error, name, left):
    def run():
        with failures.command_recorded(name):
            raise error

    with pytest.raises(type(error)):
        run()
    assert said(0) == left
