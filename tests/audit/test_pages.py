"""The trail in the console and the API: who reads what, nobody changes it, and lists do not slow down."""

import pytest
from django.test import Client

from audit.models import Entry
from audit.trail import record


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_auditors_and_admins_read_all_team_admins_their_teams(cast):
    record(action="exported", team_id=cast.support.pk, target_label="only-support")
    assert b"only-support" in signed_in(cast.auditor).get("/admin/audit/entry/").content
    assert b"only-support" in signed_in(cast.admin).get("/admin/audit/entry/").content
    assert b"only-support" in signed_in(cast.sam).get("/admin/audit/entry/").content
    assert b"only-support" not in signed_in(cast.olivia).get("/admin/audit/entry/").content
    entry = Entry.objects.get(target_label="only-support")
    assert signed_in(cast.olivia).get(f"/admin/audit/entry/{entry.pk}/change/").status_code == 404


def test_nobody_changes_an_entry_through_the_console_or_the_api(cast):
    entry = Entry.objects.latest("id")
    admin = signed_in(cast.admin)
    assert admin.get("/admin/audit/entry/add/").status_code == 403
    assert admin.post(f"/admin/audit/entry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.post(f"/admin/audit/entry/{entry.pk}/change/", {"action": "x"}).status_code == 403
    for method in ("put", "patch", "delete"):
        url = f"/api/audit-entries/{entry.pk}/"
        response = getattr(Client(), method)(url, headers=cast.bearer(cast.admin))
        assert response.status_code in (403, 405)


def test_the_detail_page_shows_before_and_after_and_opens_personal_values(cast):
    cast.marco.name = "Marco the Second"
    cast.marco.save()
    entry = Entry.objects.latest("id")
    page = signed_in(cast.auditor).get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert "Marco the Second" in page
    assert "gAAAA" not in page


def test_the_api_keeps_personal_values_sealed_and_needs_the_scope(cast):
    headers = cast.bearer(cast.auditor, scopes=["audit:read"])
    body = Client().get("/api/audit-entries/", headers=headers).json()
    assert body["results"]
    assert "marco@example.com" not in str([row["changes"] for row in body["results"]])
    other = cast.bearer(cast.auditor, scopes=["chat"])
    assert Client().get("/api/audit-entries/", headers=other).status_code == 403


@pytest.mark.parametrize("more", [0, 200])
def test_the_list_costs_the_same_queries_however_long_the_trail(
    cast, more, django_assert_max_num_queries
):
    for _ in range(more):
        record(action="exported")
    client = signed_in(cast.admin)
    client.get("/admin/")
    with django_assert_max_num_queries(10):
        assert client.get("/admin/audit/entry/").status_code == 200
