"""Where the database takes no entry nothing happens, at any door, and who asked is told `audit_unavailable`."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Key, PendingChange, Session, User
from audit.models import Entry
from portal.celery import app
from portal.errors import Refusal
from tests.audit import ledger
from tests.audit.broken import broken_trail
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def browser(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def console_form(client, path):
    form = client.get(path).context["adminform"].form
    found = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in found.items() if value not in (None, False, [])}


def of_console(cast):
    client = browser(cast.admin)
    path = f"/admin/accounts/user/{cast.marco.pk}/change/"
    body = console_form(client, path) | {"name": "Lost"}
    return lambda: client.post(path, body)


def of_action(cast):
    client = browser(cast.admin)
    body = {"action": "deactivate", "_selected_action": [cast.marco.pk], "index": 0}
    return lambda: client.post("/admin/accounts/user/", body)


def of_api(cast):
    headers = cast.bearer(cast.admin)
    body = {"name": "Lost"}
    path = "/api/teams/research/"
    return lambda: Client().patch(path, body, "application/json", headers=headers)


def of_api_with_much(cast):
    headers = cast.bearer(cast.admin)
    browser_of_owner = browser(cast.olivia)
    assert headers
    return lambda: browser_of_owner.delete("/api/projects/assistant/")


def of_page(cast):
    client = browser(cast.marco)
    return lambda: client.post("/account/", {"name": "Lost"})


def of_new_key(cast):
    client = browser(cast.marco)
    return lambda: client.post("/account/keys/create/", {"name": "lost", "days": "30"})


def of_sign_in(cast):
    body = {"login": "marco@example.com", "password": PASSWORD}
    return lambda: Client(raise_request_exception=False).post("/account/login/", body)


def of_refused(cast):
    """What is refused anyway is not answered as if that were noted."""
    client = browser(cast.marco)
    return lambda: client.post("/api/teams/", {"slug": "x", "name": "X"}, "application/json")


DOORS = {
    function.__name__: function
    for function in (
        *(of_console, of_action, of_api, of_api_with_much, of_page, of_new_key, of_sign_in),
        of_refused,
    )
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_changes_anything_without_its_entry(cast, door):
    ask = DOORS[door](cast)
    before = ledger.tables(), Key.objects.count(), Session.objects.count(), ledger.last_id()
    with broken_trail():
        answer = ask()
    assert answer.status_code == 503
    assert b"audit" in answer.content
    if "json" in answer["Content-Type"]:
        assert answer.json()["error"]["code"] == "audit_unavailable"
    after = ledger.tables(), Key.objects.count(), Session.objects.count(), ledger.last_id()
    assert ledger.differences(before[0], after[0]) == {}
    assert after[1:] == before[1:]


def test_nobody_is_signed_in_without_an_entry(cast):
    client = Client(raise_request_exception=False)
    with broken_trail():
        client.post("/account/login/", {"login": "marco@example.com", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert client.get("/account/").status_code == 302


def test_what_breaks_is_still_said_to_be_broken(cast, monkeypatch):
    def breaks(*_, **__):
        raise RuntimeError

    client = browser(cast.marco)
    monkeypatch.setattr("accounts.models.User.save", breaks)
    with broken_trail():
        assert client.post("/account/", {"name": "Lost"}).status_code == 500


def test_a_command_and_a_task_stop(cast):
    PendingChange.objects.create(
        target_model="teams.Team",
        target_id=cast.research.pk,
        verb="change",
        reason="To look at it",
        content={"steps": []},
        proposed_by=cast.adam,
        expires_at=timezone.now() - timedelta(days=1),
    )
    app.loader.import_default_modules()
    with broken_trail():
        with pytest.raises(Refusal) as refused:
            call_command("create_admin", email="lost@example.com")
        assert refused.value.code == "audit_unavailable"
        result = app.tasks["accounts.expire_changes"].apply()
    assert result.failed()
    assert not User.objects.filter(email="lost@example.com").exists()
    assert PendingChange.objects.get().decision == ""
    assert Entry.objects.filter(outcome="failed").count() == 0
