"""What somebody else would approve is what they saw: nothing is swapped below a pending change."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import PendingChange, User
from guards.models import Guard
from portal.models import Setting
from portal.platform_settings import SETTINGS, fixed_value
from portal.setting_actions import change_setting
from portal.weakenings import at_door
from projects.models import Project
from teams.models import Membership
from tests.accounts.test_fresh import form_of
from tests.accounts.test_two_person import proposed
from tests.accounts.test_two_person_doors import (
    REASON,
    approved_by,
    browser,
    house,  # noqa: F401 - a fixture
    page_of,
    switched_off,
)
from tests.cast import build_cast
from tests.portal.test_encryption import put
from tests.portal.test_platform_settings import form
from widget.models import Widget


def sent(client, row, **changes):
    given = form_of(client, page_of(row), **changes) | {"two_person_reason": REASON}
    return client.post(page_of(row), given)


def test_a_widget_that_would_open_opens_to_the_domains_that_were_shown(house):  # noqa: F811
    switched_off(house.widget)
    olivia = browser(house.olivia)
    sent(olivia, house.widget, is_active="on")
    change = PendingChange.objects.get()
    page = browser(house.adam).get(f"/admin/accounts/pendingchange/{change.pk}/change/")
    assert b"a.example.com" in page.content
    sent(olivia, house.widget, is_active=None, allowed_domains='["evil.example.net"]')
    assert Widget.objects.get().allowed_domains == ["evil.example.net"]
    assert approved_by(house.adam, change) == "outdated"
    assert not Widget.objects.get().is_active


def test_a_project_whose_prompt_cannot_be_read_is_proposed_and_approved(house):  # noqa: F811
    put(house.assistant, "system_prompt", b"x.broken")
    change = proposed(house.olivia)
    assert approved_by(house.adam, change) == "approved"
    assert not Project.objects.get(slug="assistant").log_content


def test_a_prompt_that_cannot_be_read_is_replaced_with_a_second_person(house):  # noqa: F811
    put(house.assistant, "system_prompt", b"x.broken")
    change = proposed(house.olivia, log_content=False, system_prompt="Be kind.")
    assert approved_by(house.adam, change) == "approved"
    assert Project.objects.get(slug="assistant").system_prompt == "Be kind."


def test_rows_of_two_teams_are_decided_by_platform_admins(house):  # noqa: F811
    Membership.objects.create(team=house.support, user=house.olivia, role="owner")
    house.attach(house.helpdesk, "limits", "input")
    rows = [house.helpdesk.guards.latest("id").pk, house.assistant.guards.latest("id").pk]
    chosen = {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
    answer = browser(house.olivia).post(
        "/admin/projects/projectguard/", chosen | {"two_person_reason": REASON}
    )
    assert answer.status_code == 302, answer.content[:300]
    change = PendingChange.objects.get()
    assert change.team_id is None
    assert browser(house.adam).get(page_of(change)).status_code == 404
    assert approved_by(house.second, change) == "approved"


def test_the_page_leads_to_what_it_is_about_for_whoever_sees_that(house):  # noqa: F811
    change = proposed(house.olivia)
    about = f'href="{page_of(house.assistant)}"'
    for person in (house.olivia, house.adam, house.admin, house.auditor):
        assert about in browser(person).get(page_of(change)).content.decode()
    Membership.objects.filter(user=house.olivia).delete()
    assert about not in browser(house.olivia).get(page_of(change)).content.decode()
    Project.objects.filter(pk=house.assistant.pk).delete()
    assert about not in browser(house.admin).get(page_of(change)).content.decode()


def test_a_setting_that_somebody_else_changed_meanwhile_stays(house, settings):  # noqa: F811
    Setting.objects.all().delete()
    settings.FAILED_SIGN_INS = None
    seen = form(key_rotation_days="30")
    change_setting(by=house.second, name="failed_sign_ins", value=3)
    change_setting(by=house.second, name="basic_auth", value=True)
    assert browser(house.admin).post("/admin/portal/setting/", seen).status_code == 302
    kept = dict(Setting.objects.values_list("name", "value"))
    assert kept == {"failed_sign_ins": 3, "basic_auth": True, "key_rotation_days": 30}


def test_the_settings_page_sends_what_it_showed(house):  # noqa: F811
    page = browser(house.admin).get("/admin/portal/setting/").content.decode()
    for name in SETTINGS:
        assert (f'name="initial-{name}"' in page) is (fixed_value(name) is None), name


@pytest.mark.parametrize(
    "name", ["content_hours", "conversation_days", "usage_days", "event_days", "audit_days"]
)
def test_a_key_does_not_change_how_long_the_platform_keeps_things(house, name):  # noqa: F811
    """As little as it changes how long a team does."""
    for given in (31, 2000):
        answer = Client().patch(
            f"/api/settings/{name}/",
            {"value": given},
            "application/json",
            headers=house.bearer(house.admin),
        )
        assert answer.json()["error"]["code"] == "fresh_authentication_required"


def test_a_reason_is_a_line_of_text(house):  # noqa: F811
    answer = browser(house.olivia).patch(
        "/api/projects/assistant/",
        {"log_content": False},
        "application/json",
        headers={"X-Change-Reason": "The%00customer%1b%E2%80%AE asked%0D%0Afor it"},
    )
    assert answer.status_code == 202, answer.content
    assert PendingChange.objects.get().reason == "The customer asked for it"


def test_a_key_of_single_projects_reads_no_pending_changes(house):  # noqa: F811
    change = proposed(house.olivia)
    confined = house.bearer(house.olivia, projects=["drafts"])
    for address in ("/api/pending-changes/", f"/api/pending-changes/{change.uid}/"):
        assert Client().get(address, headers=confined).status_code == 403


def test_no_change_hides_behind_what_is_too_long_to_show(house):  # noqa: F811
    terms = [f"word-{number}-of-many" for number in range(300)]
    Guard.objects.filter(pk=house.own.pk).update(options={"terms": terms})
    answer = browser(house.olivia).patch(
        "/api/guards/own/",
        {"options": {"terms": terms[:-1]}},
        "application/json",
        headers={"X-Change-Reason": REASON},
    )
    assert answer.status_code == 202, answer.content
    change = PendingChange.objects.get()
    for address in (page_of(change), f"/api/pending-changes/{change.uid}/"):
        seen = browser(house.adam).get(address).content.decode()
        assert "word-299-of-many" in seen
        assert "word-3-of-many" not in seen


def test_what_is_not_shown_of_a_value_is_counted(house):  # noqa: F811
    prompt = "Be kind. " * 500
    change = proposed(house.olivia, log_content=False, system_prompt=prompt)
    seen = browser(house.adam).get(page_of(change)).content.decode()
    assert f"{len(prompt.strip()) - 2000} characters more" in seen


def test_what_is_overdue_is_among_the_expired_before_anybody_wrote_it_down(house):  # noqa: F811
    change = proposed(house.olivia)
    PendingChange.objects.filter(pk=change.pk).update(expires_at=timezone.now())
    client = browser(house.adam)
    for state, count in (("expired", 1), ("waiting", 0), ("approved", 0)):
        assert client.get(f"/api/pending-changes/?state={state}").json()["count"] == count
        page = client.get(f"/admin/accounts/pendingchange/?state={state}").content
        assert (b"Change: Assistant" in page) is bool(count), state


def test_a_key_reads_that_words_change_and_not_which(house):  # noqa: F811
    change = proposed(house.olivia, log_content=False, system_prompt="Say nothing of Zanzibar")
    headers = house.bearer(house.olivia, scopes=["changes:read"])
    seen = Client().get(f"/api/pending-changes/{change.uid}/", headers=headers)
    assert (seen.status_code, seen.json()["state"]) == (200, "waiting")
    assert b"Zanzibar" not in seen.content


def test_a_deed_of_many_rows_that_weakens_nothing_is_not_slowed_down(house):  # noqa: F811
    """Rows beyond those that somebody could be asked about are not looked at again."""
    request = RequestFactory().post("/")
    people = [User(email=f"p{number}@example.com") for number in range(300)]

    def deed():
        User.objects.bulk_create(people)
        return HttpResponse()

    with CaptureQueriesContext(connection) as queries:
        assert at_door(request, deed).status_code == 200
    assert sum('WHERE "accounts_user"."id" = ' in query["sql"] for query in queries) <= 101
    assert User.objects.filter(email__startswith="p").count() >= 300


@pytest.mark.django_db(transaction=True)
def test_the_answer_to_a_changed_setting_says_what_will_hold():
    cast = build_cast()
    client = browser(cast.admin)
    for given in (48, 72):
        assert client.get("/api/settings/content_hours/").status_code == 200  # it is believed
        answer = client.patch("/api/settings/content_hours/", {"value": given}, "application/json")
        assert (answer.json()["value"], answer.json()["source"]) == (given, "console")


def test_what_waits_of_a_team_that_is_gone_is_still_shown(house):  # noqa: F811
    change = proposed(house.olivia)
    assert browser(house.olivia).delete("/api/teams/research/").status_code == 204
    seen = browser(house.admin).get(f"/api/pending-changes/{change.uid}/")
    assert (seen.status_code, seen.json()["state"]) == (200, "waiting"), seen.content
    assert browser(house.admin).get(page_of(change)).status_code == 200
    assert approved_by(house.admin, change) == "outdated"


def test_what_cannot_be_read_is_shown_as_that_withdrawn_and_not_made(house):  # noqa: F811
    change = proposed(house.olivia)
    put(change, "content", b"x.broken")
    seen = browser(house.adam).get(f"/api/pending-changes/{change.uid}/")
    assert (seen.status_code, seen.json()["steps"]) == (200, None), seen.content
    page = browser(house.adam).get(page_of(change))
    assert b"cannot be read" in page.content
    answer = browser(house.adam).post(f"/admin/accounts/pendingchange/{change.pk}/approve/")
    assert answer.status_code == 500
    assert Project.objects.get(slug="assistant").log_content
    client = browser(house.olivia)
    assert client.post(f"/admin/accounts/pendingchange/{change.pk}/withdraw/").status_code == 302
    assert PendingChange.objects.get().decision == "withdrawn"
