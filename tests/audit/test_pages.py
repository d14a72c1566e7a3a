"""The trail in the console and the API: who reads what, nobody changes it, and lists do not slow down."""

import html
import re
from base64 import b64encode

import pytest
from django.test import Client

from audit.models import Entry
from audit.trail import record
from portal import keyring
from portal.context import Actor, RequestContext, entered


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


def found(client, query):
    """Labels of the targets in the list, with this query string."""
    response = client.get(f"/admin/audit/entry/?{query}")
    assert response.status_code == 200
    return [entry.target_label for entry in response.context["cl"].result_list]


def test_filters_and_searches_find_exactly(cast):
    zoe = type(cast.marco).objects.create(email="zoe@example.com")
    who = Actor("user", str(zoe.pk), zoe.email)
    with entered(RequestContext(request_id="req_zoe", actor=who)):
        record(action="exported", target_type="x.Y", target_id="5", target_label="zoes")
    admin = signed_in(cast.admin)
    for query in (
        "action=exported",
        "target_type=x.Y",
        f"actor_id__exact={zoe.pk}",
        "q=zoes",
        "q=Zoe@Example.com",
        "q=req_zoe",
        "q=x.Y:5",
    ):
        assert found(admin, query) == ["zoes"], query
    for query in ("action=nothing", "q=zoe", "q=x.Y:6", "team_id__exact=99"):
        assert "zoes" not in found(admin, query), query
    assert admin.get("/admin/audit/entry/?action=%00").status_code == 400
    assert "Finds exactly" in admin.get("/admin/audit/entry/").content.decode()


def test_the_filters_offer_what_occurs(cast):
    record(action="exported")
    page = signed_in(cast.auditor).get("/admin/audit/entry/").content.decode()
    for wanted in ("action=exported", "action=create", "target_type=teams.Team"):
        assert wanted in page


def test_the_detail_page_leads_to_what_else_happened(cast):
    entry = Entry.objects.filter(target_type="teams.Team", target_label="research").get()
    admin = signed_in(cast.admin)
    page = admin.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    links = re.findall(r'href="(/admin/audit/entry/\?[^"]+)"', page)
    assert len(links) == 3  # the system has no id that could be followed
    for link in links:
        response = admin.get(html.unescape(link))
        assert entry in list(response.context["cl"].result_list)


def test_a_value_from_outside_is_text_in_the_console(cast):
    record(
        action="exported", target_label="<b>x</b>", changes={"<i>": [None, "<script>1</script>"]}
    )
    entry = Entry.objects.latest("id")
    admin = signed_in(cast.admin)
    for url in ("/admin/audit/entry/", f"/admin/audit/entry/{entry.pk}/change/"):
        page = admin.get(url).content.decode()
        for hostile in ("<b>x</b>", "<i>", "<script>1"):
            assert hostile not in page


def test_an_erased_persons_values_are_said_to_be_erased(cast):
    cast.marco.name = "Marco the Second"
    cast.marco.save()
    entry = Entry.objects.latest("id")
    auditor = signed_in(cast.auditor)
    page = auditor.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert "Marco the Second" in page
    keyring.destroy(keyring.person(cast.marco.pk))
    page = auditor.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert "(erased)" in page
    assert "Marco the Second" not in page


def test_the_api_pages_by_cursor_and_new_entries_move_nothing(cast):
    headers = cast.bearer(cast.admin)
    first = Client().get("/api/audit-entries/?page_size=5", headers=headers).json()
    for _ in range(7):
        record(action="exported")
    second = Client().get(first["next"], headers=headers).json()
    ids = [row["id"] for row in first["results"] + second["results"]]
    assert len(ids) == 10
    assert ids == sorted(set(ids), reverse=True)
    assert "exported" not in {row["action"] for row in second["results"]}


def test_the_api_filters_exactly_and_refuses_what_is_no_number(cast):
    record(action="exported", team_id=cast.support.pk)
    headers = cast.bearer(cast.admin)

    def asked(query):
        return Client().get(f"/api/audit-entries/?{query}", headers=headers)

    assert [row["action"] for row in asked("action=exported").json()["results"]] == ["exported"]
    assert len(asked(f"action=exported&team_id={cast.support.pk}").json()["results"]) == 1
    assert asked("action=exported&team_id=99999999999999999999999").json()["results"] == []
    assert asked("action=nothing").json()["results"] == []
    assert asked("action=%00exported").status_code == 400
    assert asked("team_id=x").status_code == 422
    for position in ("p=x", "p=-1", "p=%00", "o=x", "p=99999999999999999999999"):
        cursor = b64encode(position.encode()).decode()
        assert asked(f"cursor={cursor}").status_code in (200, 404), position
    assert asked("cursor=%FF%00").status_code in (400, 404)


def test_the_api_shows_no_other_teams_entries(cast):
    record(action="exported", team_id=cast.support.pk)
    entry = Entry.objects.latest("id")
    mine, theirs = cast.bearer(cast.sam), cast.bearer(cast.olivia)
    url = f"/api/audit-entries/{entry.pk}/"
    assert Client().get(url, headers=mine).status_code == 200
    assert Client().get(url, headers=theirs).status_code == 404
    assert Client().get(url, headers=cast.bearer(cast.marco)).status_code == 404
    assert Client().get("/api/audit-entries/").status_code == 401
