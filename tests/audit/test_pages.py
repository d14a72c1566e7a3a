"""The trail in the console and the API: who reads what, nobody changes it, and lists do not slow down."""

import html
import re

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
    assert "Marco<ins> the Second</ins>" in page
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
    with django_assert_max_num_queries(13):
        assert client.get("/admin/audit/entry/").status_code == 200


def found(client, query):
    """Labels of the targets in the list, with this query string."""
    response = client.get(f"/admin/audit/entry/?{query}")
    assert response.status_code == 200
    return [entry.target_label for entry in response.context["cl"].result_list]


def test_filters_and_searches_find_exactly(cast):
    key = "k0123456789a"
    who = Actor("key", key, "zoe@example.com", owner_id=cast.sam.pk)
    with entered(RequestContext(request_id="req_zoe", actor=who, address="198.51.100.7")):
        record(action="exported", target_type="x.Y", target_id="5", target_label="zoes", status=403)
    admin = signed_in(cast.admin)
    for query in (
        "action=exported",
        "target_type=x.Y",
        f"actor={key}",
        "actor=Sam@Example.com&action=exported",
        f"actor_user_id={cast.sam.pk}&action=exported",
        "outcome=refused",
        "object=zoes",
        "object=x.Y:5",
        "address=198.51.100.7",
        "request_id=req_zoe",
        "last=1h&action=exported",
        "from=2020-01-01&action=exported",
    ):
        assert found(admin, query) == ["zoes"], query
    for query in (
        "action=nothing",
        "actor=nobody@example.com",
        "actor=Olivia@example.com",
        "object=zoe",
        "object=x.Y:6",
        "object=x.Y:",
        "team_id=99",
        "team=no-such-team",
        "to=2020-01-01",
        "outcome=failed",
        "action=exported&outcome=done",
    ):
        assert "zoes" not in found(admin, query), query
    assert admin.get("/admin/audit/entry/?action=%00").status_code == 400
    assert "Finds exactly" in admin.get("/admin/audit/entry/").content.decode()


def test_the_one_field_for_everything_leads_to_the_field_that_is_meant(cast):
    admin = signed_in(cast.admin)
    for term, query in (
        ("sam@example.com", "actor=sam%40example.com"),
        ("req_0123", "request_id=req_0123"),
        ("teams.Team:3", "object=teams.Team%3A3"),
        ("203.0.113.9", "address=203.0.113.9"),
        ("2001:db8::1", "address=2001%3Adb8%3A%3A1"),
        ("research", "object=research"),
    ):
        answer = admin.get("/admin/audit/entry/", {"q": term, "action": "create"})
        assert answer["Location"] == f"?action=create&{query}", term


def test_about_a_person_finds_what_was_done_to_them_by_whomever(cast):
    cast.marco.name = "Marco the Second"
    cast.marco.save()
    admin = signed_in(cast.admin)
    page = admin.get("/admin/audit/entry/?about=marco@example.com&action=update")
    assert [entry.subject_id for entry in page.context["cl"].result_list] == [cast.marco.pk]
    assert "about: marco@example.com" in page.content.decode()


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=2026-13-40", "team_id=x", "from=99999-01-01"]
)
def test_what_is_not_understood_is_said_at_its_field_and_shows_nothing(cast, query):
    page = signed_in(cast.admin).get(f"/admin/audit/entry/?{query}")
    assert page.status_code == 200
    assert list(page.context["cl"].result_list) == []
    assert 'role="alert"' in page.content.decode()


def test_each_filter_can_be_taken_back_and_the_form_keeps_them(cast):
    page = signed_in(cast.admin).get(
        "/admin/audit/entry/?action=create&actor=x@example.com&last=7d"
    )
    text = html.unescape(page.content.decode())
    assert '<option value="create" selected>created</option>' in text
    assert 'value="x@example.com"' in text
    assert 'href="?actor=x%40example.com&last=7d">action: created' in text


def test_the_filters_offer_what_occurs_to_every_reader(cast):
    record(action="exported")
    for person in (cast.auditor, cast.olivia):
        page = signed_in(person).get("/admin/audit/entry/").content.decode()
        for wanted in ("exported", "create", "teams.Team"):
            assert f'<option value="{wanted}">' in page


def test_the_deeds_that_occur_are_offered_in_groups_and_explained(cast):
    record(action="sign_in")
    record(action="of_another_version")
    admin = signed_in(cast.admin)
    page = admin.get("/admin/audit/entry/?action=key_rotated").content.decode()
    groups = dict(re.findall(r'<optgroup label="([^"]+)">(.*?)</optgroup>', page, re.S))
    assert '<option value="sign_in">signed in</option>' in groups["Signing in"]
    assert '<option value="key_rotated" selected>key rotated</option>' in groups["Keys"]
    assert '<option value="of_another_version">of another version</option>' in groups["Other"]
    assert "Two persons" not in groups
    entry = Entry.objects.filter(action="sign_in").latest("pk")
    assert (
        "Somebody signed in."
        in admin.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    )


def test_people_are_called_as_they_are_called_today(cast):
    record(action="second_factor_reset", target=cast.sam)
    entry = Entry.objects.latest("pk")
    assert "sam@example.com" not in entry.target_label  # what is erased later stands nowhere
    admin = signed_in(cast.admin)
    page = admin.get("/admin/audit/entry/?action=second_factor_reset").content.decode()
    assert "user sam@example.com" in page
    page = admin.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert "<h1>Second factor reset: user sam@example.com</h1>" in page
    cast.sam.delete()
    page = admin.get("/admin/audit/entry/?action=second_factor_reset").content.decode()
    assert f"user {entry.target_id}" in page


def test_the_detail_page_leads_to_what_else_happened(cast):
    entry = Entry.objects.filter(target_type="teams.Team", target_label="research").get()
    admin = signed_in(cast.admin)
    page = admin.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    links = re.findall(r'href="(/admin/audit/entry/\?[^"]+)"', page)
    assert len(set(links)) == 3  # the system has no id that could be followed
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
    assert "the Second" in page
    keyring.destroy(keyring.person(cast.marco.pk))
    page = auditor.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert "erased: the key of this person is destroyed" in page
    assert "the Second" not in page


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
    for cursor in ("x", "b", "b-1", "b99999999999999999999999", "c5", "cD0x"):
        assert asked(f"cursor={cursor}").status_code == 404, cursor
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
