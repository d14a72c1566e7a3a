"""What is set for the whole platform: the environment wins, everybody reads the same, and who changes it is known."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from audit.models import Entry
from portal import platform_settings
from portal.errors import Refusal
from portal.models import Setting
from portal.platform_settings import SETTINGS, source_of, value
from portal.setting_actions import change_setting
from tests.gates.__main__ import clean_environment

ROOT = Path(__file__).parents[2]
PAGE = "/admin/portal/setting/"


@pytest.fixture
def unfixed(settings):
    """As if the environment said nothing of any setting."""
    for definition in SETTINGS.values():
        setattr(settings, definition.fixed, None)


def signed_in(person, *, is_fresh=True):
    client = Client()
    client.force_login(person)
    if is_fresh:
        session = client.session
        session["fresh_at"] = int(time.time())
        session.save()
    return client


def form(**changed):
    """What the page would send."""
    sent = {name: value(name) for name in SETTINGS}
    sent = {f"initial-{name}": str(given) for name, given in sent.items()} | sent | changed
    return {name: given for name, given in sent.items() if given is not False}


def test_every_setting_explains_itself_and_has_its_variable_in_the_sample_and_the_compose_file():
    sample = (ROOT / "deploy" / "env.sample").read_text()
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    for name, definition in SETTINGS.items():
        assert all((definition.title, definition.about)), name
        assert f"\n{definition.variable}=\n" in sample, name
        assert f"{definition.variable}: ${{{definition.variable}:-}}" in compose, name


def test_the_default_holds_until_somebody_changes_it(cast, unfixed):
    assert (value("failed_sign_ins"), source_of("failed_sign_ins")) == (10, "default")
    change_setting(by=cast.admin, name="failed_sign_ins", value=5)
    assert (value("failed_sign_ins"), source_of("failed_sign_ins")) == (5, "console")
    change_setting(by=cast.admin, name="failed_sign_ins", value=None)
    assert (value("failed_sign_ins"), Setting.objects.count()) == (10, 0)


def test_the_environment_wins_and_what_it_fixes_is_not_changed(cast, unfixed, settings):
    change_setting(by=cast.admin, name="failed_sign_ins", value=5)
    settings.FAILED_SIGN_INS = 7
    assert (value("failed_sign_ins"), source_of("failed_sign_ins")) == (7, "environment")
    with pytest.raises(Refusal) as refused:
        change_setting(by=cast.admin, name="failed_sign_ins", value=6)
    assert refused.value.code == "conflict"
    shown = signed_in(cast.admin).get(PAGE).content.decode()
    assert "Fixed by PORTAL_FAILED_SIGN_INS" in shown
    assert 'name="failed_sign_ins"' not in shown
    assert 'name="key_rotation_days"' in shown
    signed_in(cast.admin).post(PAGE, form(failed_sign_ins=99))
    assert Setting.objects.get().value == 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "None None"), ({"PORTAL_BASIC_AUTH": ""}, "None None"), ({"PORTAL_BASIC_AUTH": "no"}, "False None")]
    + [({"PORTAL_FAILED_SIGN_INS": "3"}, "None 3")],
)  # fmt: skip
def test_a_variable_that_is_empty_fixes_nothing(given, expected, tmp_path):
    code = "from portal import settings as s; print(s.BASIC_AUTH, s.FAILED_SIGN_INS)"
    env = clean_environment(PORTAL_ENV="development", PORTAL_DATA_DIR=str(tmp_path), **given)
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == expected
    assert os.environ.get("PORTAL_FAILED_SIGN_INS") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [({"PORTAL_FAILED_SIGN_INS": "0"}, "PORTAL_FAILED_SIGN_INS has to be between 1 and 1000.")]
    + [({"PORTAL_CONVERSATION_DAYS": "-1"}, "PORTAL_CONVERSATION_DAYS has to be between 1 and 3660.")]
    + [({"PORTAL_TWO_PERSON_RULE": "ture"}, "PORTAL_TWO_PERSON_RULE is neither true nor false.")],
)  # fmt: skip
def test_a_variable_that_fixes_what_the_console_refuses_does_not_start(given, words, tmp_path):
    env = clean_environment(PORTAL_ENV="development", PORTAL_DATA_DIR=str(tmp_path), **given)
    command = [sys.executable, "manage.py", "check"]
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert words in said.stderr


@pytest.mark.parametrize(
    ("name", "given"),
    [("failed_sign_ins", 0), ("failed_sign_ins", "5"), ("failed_sign_ins", True)]
    + [("basic_auth", 1), ("basic_auth", "true"), ("key_rotation_days", 10**9)],
)
def test_what_a_setting_does_not_take_is_refused_at_every_door(cast, unfixed, name, given):
    with pytest.raises(Refusal) as refused:
        change_setting(by=cast.admin, name=name, value=given)
    assert refused.value.code == "validation_failed"
    answer = signed_in(cast.admin).patch(
        f"/api/settings/{name}/", {"value": given}, "application/json"
    )
    assert answer.status_code == 422
    assert Setting.objects.count() == 0


def test_the_page_changes_what_was_sent_and_the_trail_says_so(cast, unfixed):
    answer = signed_in(cast.admin).post(PAGE, form(key_rotation_days=30))
    assert answer.status_code == 302
    assert [(row.name, row.value) for row in Setting.objects.all()] == [("key_rotation_days", 30)]
    entry = Entry.objects.filter(target_type="portal.Setting").get()
    assert (entry.action, entry.target_label, entry.actor_label) == (
        "create",
        "key_rotation_days",
        "admin@example.com",
    )
    assert entry.changes["value"] == [None, 30]


def test_the_page_refuses_a_number_out_of_bounds_and_changes_nothing(cast, unfixed):
    answer = signed_in(cast.admin).post(PAGE, form(key_rotation_days=0, failed_sign_ins=5))
    assert answer.status_code == 422
    assert Setting.objects.count() == 0


def test_security_settings_ask_who_one_is_and_others_do_not(cast, unfixed):
    stale = signed_in(cast.admin, is_fresh=False)
    session = stale.session
    session["fresh_at"] = 1
    session.save()
    assert stale.post(PAGE, form(basic_auth=True)).status_code == 403
    assert stale.patch(
        "/api/settings/basic_auth/", {"value": True}, "application/json"
    ).json()["error"]["code"] == "fresh_authentication_required"  # fmt: skip
    assert Setting.objects.count() == 0
    assert stale.post(PAGE, form(key_rotation_days=30)).status_code == 302
    assert signed_in(cast.admin).post(PAGE, form(basic_auth=True)).status_code == 302
    assert value("basic_auth") is True


def test_a_key_changes_no_security_setting(cast, unfixed):
    headers = cast.bearer(cast.admin)
    for name, given, status in (("basic_auth", True, 403), ("key_rotation_days", 30, 200)):
        answer = Client().patch(
            f"/api/settings/{name}/", {"value": given}, "application/json", headers=headers
        )
        assert answer.status_code == status, name


def test_auditors_read_and_nobody_else_sees_them(cast, unfixed):
    auditor = signed_in(cast.auditor)
    page = auditor.get(PAGE)
    assert page.status_code == 200
    assert b'type="submit" class="default"' not in page.content
    assert auditor.post(PAGE, form(key_rotation_days=30)).status_code == 403
    assert auditor.get("/api/settings/").json()["count"] == len(SETTINGS)
    answer = auditor.patch("/api/settings/key_rotation_days/", {"value": 1}, "application/json")
    assert answer.status_code == 403
    for person in (cast.olivia, cast.marco, cast.rita):
        assert signed_in(person).get(PAGE).status_code == 403
        assert signed_in(person).get("/api/settings/basic_auth/").status_code == 403
    assert Setting.objects.count() == 0


def test_the_api_says_where_a_value_comes_from_and_null_goes_back(cast, unfixed):
    client = signed_in(cast.admin)
    one = client.patch("/api/settings/content_hours/", {"value": 48}, "application/json").json()
    assert (one["value"], one["default"], one["source"]) == (48, 24, "console")
    assert (one["least"], one["variable"]) == (1, "PORTAL_CONTENT_HOURS")
    one = client.patch("/api/settings/content_hours/", {"value": None}, "application/json").json()
    assert (one["value"], one["source"]) == (24, "default")
    assert client.get("/api/settings/nothing/").status_code == 404
    assert (
        client.patch("/api/settings/nothing/", {"value": 1}, "application/json").status_code == 404
    )


def test_the_readers_follow_the_console(cast, unfixed):
    from accounts.second_factor import is_required

    assert is_required(cast.marco) is False
    change_setting(by=cast.admin, name="second_factor_required", value=True)
    assert is_required(cast.marco) is True
    page = signed_in(cast.admin).get("/admin/")
    assert page.status_code == 302  # led to set one up, and not locked out
    assert "second-factor" in page["Location"]
    basic = {"authorization": "Basic bWFyY29AZXhhbXBsZS5jb206eA=="}
    assert Client().get("/api/users/me/", headers=basic).status_code == 401


def test_a_read_costs_nothing_while_it_is_believed(cast, unfixed, django_assert_num_queries):
    platform_settings.stored.forget()
    with django_assert_num_queries(1):
        for name in SETTINGS:
            value(name)
    assert platform_settings.LIFETIME + 3 <= 5  # what hangs on it is believed for 3 seconds more


def test_what_was_undone_is_not_believed(cast, unfixed):
    platform_settings.stored.forget()
    with transaction.atomic():
        change_setting(by=cast.admin, name="failed_sign_ins", value=5)
        assert value("failed_sign_ins") == 5
        transaction.set_rollback(True)
    assert value("failed_sign_ins") == 10


def test_while_the_database_is_away_the_settings_stay_as_they_were(cast, unfixed, monkeypatch):
    from django.db import DatabaseError

    platform_settings.stored.forget()
    assert value("failed_sign_ins") == 10

    def away(*args, **kwargs):
        raise DatabaseError("away")

    platform_settings.stored.grow_old()
    monkeypatch.setattr(type(Setting.objects.all()), "values_list", away)
    assert value("failed_sign_ins") == 10
    platform_settings.stored.forget()
    with pytest.raises(DatabaseError):
        value("failed_sign_ins")


def test_guessing_is_slowed_down_as_the_console_says(cast, unfixed):
    change_setting(by=cast.admin, name="failed_sign_ins", value=1)
    client = Client()
    wrong = {"login": "marco@example.com", "password": "wrong"}
    client.post("/account/login/", wrong)
    assert client.post("/account/login/", wrong).status_code == 429
