"""The console's pages of who reaches what: who sees how much, that it stays usable, and that the words are the rule's."""

import html
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from projects.models import Project, ProjectMember
from teams.models import CustomRole, Grant, Membership
from tests.console.inline import inline_parts

LIST, EXPLAIN, SIMULATE = "/admin/access/", "/admin/access/explain/", "/admin/access/simulate/"
EXPORT = "/admin/access/export/"


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def text_of(answer):
    """Its words, without marks and with single spaces."""
    body = answer.content.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def people_of(answer):
    return re.findall(r'scope="row">\s*<a[^>]*>([^<]+)</a>', answer.content.decode())


def test_a_platform_admin_reads_who_reaches_what_in_words(cast):
    shown = browser(cast.admin).get(LIST)
    words = text_of(shown)
    assert "owner of research : all its 2 projects" in words
    assert "platform admin : all 3 projects" in words
    assert "member of research : assigned: drafts" in words
    assert "member of research : public: assistant" in words
    assert "viewer of research : private: drafts sees only" in words
    assert people_of(shown) == sorted(user.email for user in User.objects.all())
    assert "rita@example.com restricted" in words
    assert "auditor@example.com auditor nothing" in words
    assert inline_parts(shown.content.decode()) == []


@pytest.mark.parametrize(("name", "teams"), [("olivia", "research"), ("sam", "support")])
def test_who_administers_a_team_reads_of_this_team_only(cast, name, teams):
    shown = browser(getattr(cast, name)).get(LIST)
    members = Membership.objects.filter(team__slug=teams).values_list("user__email", flat=True)
    assert people_of(shown) == sorted(members)
    other = {"research": "support", "support": "research"}[teams]
    assert other not in text_of(shown)


def test_who_may_not_see_access_is_told_so_and_what_one_does_not_see_is_not_there(cast):
    role = CustomRole.objects.create(
        team=cast.research, name="Keeper", base="admin", permissions=["portal.use_console"]
    )
    Membership.objects.filter(user=cast.adam).update(custom_role=role)
    for path in (LIST, EXPLAIN, SIMULATE, EXPORT):
        assert browser(cast.adam).get(path).status_code == 403, path
        assert browser(cast.marco).get(path).status_code == 403, path
    sam = browser(cast.sam)
    for wanted in ("?team=research", "?project=assistant", "?user=marco@example.com"):
        unknown = re.sub("=.*", "=nowhere", wanted)
        assert sam.get(LIST + wanted).status_code == sam.get(LIST + unknown).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("?q=MARCO", ["marco"]),
        ("?q=zebra", []),
        ("?team=support", ["admin", "sam"]),
        ("?team=research&role=viewer", ["vera"]),
        ("?role=owner", ["olivia", "sam"]),
        ("?via=member", ["marco", "rita"]),
        ("?via=public", ["marco", "vera"]),
        ("?via=team-viewer", ["vera"]),
        ("?via=team-admin", ["adam", "olivia", "sam"]),
        ("?via=platform-admin", ["admin"]),
        ("?project=drafts", ["adam", "admin", "marco", "olivia", "vera"]),
        ("?role=nonsense&via=nonsense&q=sam", ["sam"]),
    ],
)
def test_the_list_is_narrowed_and_says_by_what(cast, wanted, found):
    shown = browser(cast.admin).get(LIST + wanted)
    assert people_of(shown) == [f"{name}@example.com" for name in found]
    if "nonsense" not in wanted:
        assert "Shown:" in text_of(shown)


def test_one_team_with_few_projects_is_a_grid(cast):
    shown = browser(cast.olivia).get(f"{LIST}?team=research")
    head = re.findall(r'<th scope="col">([^<]+)</th>', shown.content.decode())
    assert head == ["Person", "assistant", "drafts"]
    row = next(line for line in shown.content.decode().split("<tr>") if "rita@" in line)
    assert re.findall(r"<span class=\"(?:chip chip-good|chip|quiet)\">(\w+)", row) == [
        "chats",
        "none",
    ]


def test_people_come_fifty_a_page_and_each_once(cast):
    for number in range(120):
        user = User.objects.create(email=f"p{number:03}@example.com")
        Membership.objects.create(team=cast.research, user=user, role="member")
    client, path, seen = browser(cast.olivia), LIST, []
    while path:
        shown = client.get(path)
        seen += people_of(shown)
        ahead = re.search(r'href="([^"]+)">Next page', shown.content.decode())
        path = LIST + ahead[1].replace("&amp;", "&") if ahead else ""
    members = Membership.objects.filter(team=cast.research).values_list("user__email", flat=True)
    assert seen == sorted(members)


@pytest.mark.parametrize("path", [LIST, f"{LIST}?via=public", f"{LIST}?user=olivia@example.com"])
def test_the_list_costs_the_same_queries_however_many_there_are(cast, path):
    client = browser(cast.admin)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    cost()
    few = cost()
    for number in range(60):
        user = User.objects.create(email=f"p{number:03}@example.com")
        Membership.objects.create(team=cast.research, user=user, role="member")
        project = Project.objects.create(
            slug=f"p{number}", name="P", team=cast.research, model=cast.model, visibility="public"
        )
        ProjectMember.objects.create(project=project, user=user)
    assert cost() <= few


def test_what_a_platform_admin_reaches_is_never_all_listed_on_everybodys_page(cast):
    """With a thousand projects the page stays one that can be read."""
    Project.objects.bulk_create(
        Project(slug=f"p{number}", name="P", team=cast.research, model=cast.model)
        for number in range(100)
    )
    shown = browser(cast.admin).get(f"{LIST}?q=admin@")
    assert "platform admin : all 103 projects" in text_of(shown)
    assert "and 83 more" in text_of(shown)
    own = browser(cast.admin).get(f"{LIST}?user=admin@example.com")
    assert len(re.findall(r'<th scope="row">', own.content.decode())) == 103


def test_the_file_is_for_who_proved_lately_who_they_are(cast):
    client = browser(cast.olivia)
    answer = client.get(f"{EXPORT}?team=research")
    assert answer["Location"] == "/api/permissions/matrix?team=research&format=csv"
    session = client.session
    session["fresh_at"] -= 86400
    session.save()
    answer = client.get(f"{EXPORT}?team=research")
    assert answer["Location"].startswith("/account/confirm/")


def test_an_explanation_says_the_deciding_facts_and_leads_to_where_they_are_set(cast):
    shown = browser(cast.olivia).get(f"{EXPLAIN}?user=marco@example.com&project=drafts")
    words = text_of(shown)
    assert "Reaches it and may chat" in words
    assert "marco@example.com is assigned to it." in words
    page = shown.content.decode()
    standing = Membership.objects.get(user=cast.marco)
    assigned = ProjectMember.objects.get(user=cast.marco)
    for path in (
        f"/admin/teams/membership/{standing.pk}/change/",
        f"/admin/projects/projectmember/{assigned.pk}/change/",
        f"/admin/projects/project/{cast.drafts.pk}/change/",
    ):
        assert f'href="{path}"' in page, path
    shown = browser(cast.olivia).get(f"{EXPLAIN}?user=rita@example.com&project=drafts")
    assert "No access" in text_of(shown)
    assert "/admin/projects/projectmember/add/?user=" in shown.content.decode()
    shown = browser(cast.olivia).get(f"{EXPLAIN}?user=vera@example.com&project=drafts")
    assert "Sees it, does not chat" in text_of(shown)


def test_no_explanation_tells_of_what_one_does_not_see(cast):
    sam = browser(cast.sam)
    said = set()
    for user, project in (
        ("marco@example.com", "helpdesk"),
        ("nobody@example.com", "helpdesk"),
        ("sam@example.com", "drafts"),
        ("sam@example.com", "nowhere"),
    ):
        answer = sam.get(EXPLAIN, {"user": user, "project": project})
        assert answer.status_code == 404
        said.add(text_of(answer))
    assert len(said) == 2
    offered = sam.get(EXPLAIN).content.decode()
    assert "marco@example.com" not in offered
    assert "drafts" not in offered
    assert "helpdesk" in offered


def changes_in(answer):
    found = re.findall(r'name="change" value="([^"]*)"', answer.content.decode())
    return [text.replace("&quot;", '"') for text in found]


def test_changes_are_put_together_and_show_what_they_would_do_and_nothing_is_saved(cast):
    client = browser(cast.olivia)
    chosen = client.post(SIMULATE, {"do": "choose", "op": "set_visibility"})
    assert 'name="visibility"' in chosen.content.decode()
    sent = {"do": "add", "op": "set_visibility", "project": "drafts", "visibility": "public"}
    one = client.post(SIMULATE, sent)
    assert "drafts becomes" in text_of(one)
    assert "Changed" in text_of(one)
    sent = {"do": "add", "op": "assign", "user": "rita@example.com", "project": "drafts"}
    two = client.post(SIMULATE, {**sent, "change": changes_in(one)})
    assert "rita@example.com is assigned to drafts" in text_of(two)
    assert "Gained 1 Person Project Team As rita@example.com drafts research" in text_of(two)
    kept = client.post(SIMULATE, {"do": "remove-1", "change": changes_in(two)})
    assert [json.loads(text)["op"] for text in changes_in(kept)] == ["set_visibility"]
    assert "Gained" not in text_of(kept)
    cast.drafts.refresh_from_db()
    assert cast.drafts.visibility == "private"
    assert not ProjectMember.objects.filter(user=cast.rita, project=cast.drafts).exists()


def test_what_takes_access_is_shown_as_lost(cast):
    sent = {"do": "add", "op": "remove_member", "team": "research", "user": "marco@example.com"}
    shown = browser(cast.adam).post(SIMULATE, sent)
    assert "Lost 2" in text_of(shown)
    sent = {"do": "add", "op": "grant", "team": "research", "model": cast.model.pk}
    assert "Nobody gains or loses anything" in text_of(browser(cast.adam).post(SIMULATE, sent))


@pytest.mark.parametrize(
    "sent",
    [
        {"op": "add_member", "team": "research", "user": "sam@example.com", "role": "viewer"},
        {"op": "add_member", "team": "support", "user": "marco@example.com", "role": "viewer"},
        {"op": "assign", "user": "marco@example.com", "project": "helpdesk"},
        {"op": "remove_member", "team": "research", "user": "nobody@example.com"},
        {"op": "change_role", "team": "research", "user": "marco@example.com", "role": "king"},
    ],
)
def test_what_one_does_not_see_or_what_cannot_be_is_not_added(cast, sent):
    answer = browser(cast.olivia).post(SIMULATE, {"do": "add", **sent})
    assert answer.status_code == 422
    assert changes_in(answer) == []
    assert "Nobody gains" not in text_of(answer)


def test_flags_and_groups_are_for_who_sees_all_there_is(cast):
    ask = {"do": "add", "op": "deactivate", "user": "marco@example.com"}
    assert changes_in(browser(cast.olivia).post(SIMULATE, ask)) == []
    assert "Deactivate" not in text_of(browser(cast.olivia).get(SIMULATE))
    assert "Lost 2" in text_of(browser(cast.auditor).post(SIMULATE, ask))


def test_forged_changes_are_left_out_or_said_and_never_a_fault(cast):
    client = browser(cast.olivia)
    forged = ["{", "[]", '{"op": "deactivate", "user": "sam@example.com"}', '{"op": "x"}']
    answer = client.post(SIMULATE, {"change": forged})
    assert answer.status_code == 200
    assert "These changes do not follow one another" in text_of(answer)


def test_a_link_begins_a_change(cast):
    wanted = {"op": "change_role", "team": "research", "user": "marco@example.com"}
    page = browser(cast.olivia).get(SIMULATE, wanted).content.decode()
    assert 'value="marco@example.com"' in page
    assert '<option value="research" selected>' in page


def test_changes_nested_without_end_are_left_out(cast):
    answer = browser(cast.olivia).post(SIMULATE, {"change": ["[" * 3000]})
    assert answer.status_code == 200
    assert changes_in(answer) == []


def test_who_is_added_is_a_member_unless_one_says_otherwise(cast):
    page = browser(cast.olivia).get(SIMULATE, {"op": "add_member"}).content.decode()
    assert '<option value="member" selected>' in page


@pytest.mark.parametrize("path", [EXPLAIN, SIMULATE, f"{LIST}?user=marco@example.com"])
def test_the_way_back_leads_over_the_list(cast, path):
    page = browser(cast.admin).get(path).content.decode()
    assert f'href="{LIST}"' in page.partition('class="crumbs"')[2].partition("<h1")[0]


def test_one_page_alone_is_here_in_the_navigation(cast):
    client = browser(cast.admin)
    here = [
        client.get(page).content.decode().count('aria-current="page"')
        for page in ("/admin/access/changes/", "/admin/roles/")
    ]
    assert here[0] == here[1]


def checked_first(client, page):
    """Where *Check first* leads from this page; None where it is not offered."""
    found = re.search(r'href="([^"]*/access/simulate/[^"]*)"', client.get(page).content.decode())
    return found and html.unescape(found.group(1))


def test_the_pages_where_access_is_changed_lead_to_its_simulation(cast):
    standing = Membership.objects.get(team=cast.research, user=cast.marco)
    grant = Grant.objects.get(team=cast.research, model=cast.model)
    assigned = ProjectMember.objects.get(project=cast.drafts, user=cast.marco)
    for page, wanted, shown in (
        (f"teams/membership/{standing.pk}", "op=change_role", 'value="marco@example.com"'),
        (f"projects/project/{cast.drafts.pk}", "op=set_visibility", 'value="drafts"'),
        (f"projects/projectmember/{assigned.pk}", "op=unassign", 'value="drafts"'),
        (f"teams/grant/{grant.pk}", "op=withdraw", f'value="{cast.model.pk}" selected'),
    ):
        for person in (cast.admin, cast.olivia):
            leads = checked_first(browser(person), f"/admin/{page}/change/")
            assert leads, page
            assert wanted in leads
            assert shown in browser(person).get(leads).content.decode()
    for page, wanted in (("teams/membership", "op=add_member"), ("teams/grant", "op=grant")):
        assert wanted in checked_first(browser(cast.admin), f"/admin/{page}/add/")


def test_who_may_not_simulate_is_not_led_there(cast):
    role = CustomRole.objects.create(
        team=cast.research,
        name="Hands",
        base="admin",
        permissions=["portal.use_console", "projects.change_project"],
    )
    Membership.objects.filter(team=cast.research, user=cast.adam).update(custom_role=role)
    page = f"/admin/projects/project/{cast.drafts.pk}/change/"
    assert checked_first(browser(cast.adam), page) is None
    assert browser(cast.adam).get(page).status_code == 200
