"""The console's pages and the API of access reviews, and two reviewers at one line."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from portal.errors import Refusal
from projects import review_actions
from projects.models import AccessReview, ProjectMember, ReviewLine
from projects.review_actions import attest_line, attest_lines, open_review, revoke_line
from teams.actions import change_role
from teams.models import Membership
from tests.accounts.test_confirming import stale
from tests.cast import build_cast

LIST = "/admin/projects/accessreview/"
API = "/api/access-reviews/"
TODAY = timezone.localdate()


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def review(cast):
    return open_review(by=cast.admin, team=cast.research, due_on=TODAY, note="Each quarter")


def line_of(review, user, kind="membership"):
    return review.lines.get(user=user, kind=kind)


def page_of(review, more=""):
    return f"{LIST}{review.pk}/{more or 'change/'}"


def text(answer):
    return " ".join(answer.content.decode().split())


# Who may


PAGES = {  # method and page: admin, auditor, owner, team admin, another owner, member
    "get change/": (200, 200, 200, 200, 404, 403),
    "get lines/{line}/": (200, 200, 200, 200, 404, 403),
    "post lines/{line}/": (302, 403, 302, 403, 404, 403),
    "post attest/": (302, 403, 302, 403, 404, 403),
    "post close/": (302, 403, 302, 403, 404, 403),
    "get result.csv": (200, 200, 200, 200, 404, 403),
}
PEOPLE = ("admin", "auditor", "olivia", "adam", "sam", "marco")


@pytest.mark.parametrize("what", PAGES)
def test_each_page_answers_as_its_line_says(cast, review, what):
    method, path = what.split(" ")
    for name, status in zip(PEOPLE, PAGES[what], strict=True):
        ReviewLine.objects.update(decision="")
        url = page_of(review, path.format(line=line_of(review, cast.vera).pk))
        answer = getattr(browser(getattr(cast, name)), method)(url, {"deed": "attest"})
        assert answer.status_code == status, (name, what)
        decided = line_of(review, cast.vera).decision
        assert (decided == "attested") == (what.startswith("post lines") and status == 302), name


@pytest.mark.parametrize("name", ["auditor", "adam"])
def test_who_looks_only_attests_nothing_in_the_list_either(cast, review, name):
    line = line_of(review, cast.vera)
    client = browser(getattr(cast, name))
    assert client.post(page_of(review, "attest/"), {"one": line.pk}).status_code == 403
    assert line_of(review, cast.vera).is_open
    assert "to look at" in text(client.get(page_of(review)))


def test_the_platforms_review_is_platform_admins_alone(cast):
    review = open_review(by=cast.admin, team=None, due_on=TODAY)
    line = review.lines.filter(of_team=cast.research.pk).first()
    for name in ("olivia", "adam", "sam"):
        client = browser(getattr(cast, name))
        assert client.get(page_of(review)).status_code == 404
        assert client.get(page_of(review, f"lines/{line.pk}/")).status_code == 404
        assert client.get(f"{API}{review.uid}/").status_code == 404
        assert client.get(LIST).context["cl"].result_count == 0


def test_a_line_of_another_review_is_not_found(cast, review):
    other = open_review(by=cast.admin, team=cast.support, due_on=TODAY)
    url = page_of(review, f"lines/{other.lines.first().pk}/")
    assert browser(cast.admin).get(url).status_code == 404
    deed = f"{API}{review.uid}/lines/{other.lines.first().pk}/attest/"
    assert browser(cast.admin).post(deed, {}, "application/json").status_code == 404


# Opening


def test_an_owner_opens_one_for_their_team_and_for_no_other(cast):
    client = browser(cast.olivia)
    form = client.get(f"{LIST}add/").context["adminform"].form
    assert [row.slug for row in form.fields["team"].queryset] == ["research"]
    sent = {"team": cast.research.pk, "due_on": str(TODAY), "note": "x"}
    answer = client.post(f"{LIST}add/", sent)
    review = AccessReview.objects.get()
    assert answer["Location"] == page_of(review)
    assert (review.team_slug, review.opened_by, review.lines.count()) == (
        "research",
        cast.olivia,
        7,
    )
    for team in (cast.support.pk, ""):
        assert client.post(f"{LIST}add/", {**sent, "team": team}).status_code == 200
    past = {**sent, "due_on": str(TODAY - timedelta(days=1))}
    assert "in the past" in text(client.post(f"{LIST}add/", past))
    assert AccessReview.objects.count() == 1


def test_a_platform_admin_opens_one_of_the_whole_platform(cast):
    client = browser(cast.admin)
    assert client.post(f"{LIST}add/", {"team": "", "due_on": str(TODAY)}).status_code == 302
    review = AccessReview.objects.get()
    assert review.team_id is None
    assert review.lines.filter(kind="platform").exists()


@pytest.mark.parametrize("name", ["auditor", "adam"])
def test_others_open_none(cast, name):
    assert browser(getattr(cast, name)).get(f"{LIST}add/").status_code == 403


# Deciding


def test_the_page_shows_progress_and_what_is_open_and_decided(cast, review):
    attest_line(by=cast.admin, line=line_of(review, cast.vera), note="Reads usage")
    client = browser(cast.olivia)
    page = client.get(page_of(review))
    assert "1 of 7 lines decided" in text(page)
    assert "vera@example.com" not in {row.person for row in page.context["rows"]}
    decided = client.get(page_of(review), {"decision": "attested"})
    assert [row.person for row in decided.context["rows"]] == ["vera@example.com"]
    assert "Reads usage" in text(decided)
    assert len(client.get(page_of(review), {"decision": "all"}).context["rows"]) == 7
    kind = client.get(page_of(review), {"kind": "assignment"})
    assert {row.line.kind for row in kind.context["rows"]} == {"assignment"}
    found = client.get(page_of(review), {"q": "marco"})
    assert {row.person for row in found.context["rows"]} == {"marco@example.com"}
    assert "Nothing matches" in text(client.get(page_of(review), {"q": "zebra"}))


def test_own_lines_and_those_of_the_stronger_have_no_buttons(cast, review):
    User.objects.filter(pk=cast.vera.pk).update(is_auditor=True)
    rows = browser(cast.olivia).get(page_of(review)).context["rows"]
    barred = {row.person: row.barred for row in rows if row.barred}
    assert barred == {
        "olivia@example.com": "yours: somebody else decides",
        "vera@example.com": "a platform admin decides",
    }


def test_chosen_lines_are_attested_together(cast, review):
    client = browser(cast.olivia)
    keys = [line_of(review, user).pk for user in (cast.marco, cast.vera, cast.olivia)]
    sent = {"_selected_action": keys, "note": "All here", "back": "decision=open&kind=membership"}
    answer = client.post(page_of(review, "attest/"), sent, follow=True)
    assert answer.redirect_chain == [(page_of(review) + "?decision=open&kind=membership", 302)]
    assert "2 lines attested." in text(answer)
    assert "Nobody decides about their own line" in text(answer)
    assert set(review.lines.filter(decision="attested").values_list("user", "note")) == {
        (cast.marco.pk, "All here"),
        (cast.vera.pk, "All here"),
    }
    nothing = client.post(page_of(review, "attest/"), {}, follow=True)
    assert "Choose at least one line." in text(nothing)


def test_one_line_is_attested_by_its_button_alone(cast, review):
    one = line_of(review, cast.marco)
    sent = {"_selected_action": [line_of(review, cast.vera).pk], "one": one.pk}
    browser(cast.olivia).post(page_of(review, "attest/"), sent)
    assert list(review.lines.filter(decision="attested")) == [one]


def test_a_refused_revocation_says_why_and_leaves_the_line_open(cast, review):
    line = line_of(review, cast.olivia)
    url = page_of(review, f"lines/{line.pk}/")
    answer = browser(cast.admin).post(url, {"deed": "revoke", "note": "x"})
    assert answer.status_code == 409
    assert "A team keeps at least one owner." in text(answer)
    line.refresh_from_db()
    assert line.is_open
    assert Membership.objects.filter(team=cast.research, user=cast.olivia).exists()


def test_what_changed_is_shown_and_attested_as_what_it_is(cast, review):
    marco = Membership.objects.get(team=cast.research, user=cast.marco)
    change_role(by=cast.admin, membership=marco, role="admin")
    line = line_of(review, cast.marco)
    client, url = browser(cast.olivia), page_of(review, f"lines/{line.pk}/")
    page = text(client.get(url))
    assert "from member to admin" in page
    assert "Attest as admin" in page
    assert client.post(url, {"deed": "attest"}).status_code == 409
    assert client.post(url, {"deed": "attest", "right": "admin"}).status_code == 302
    line.refresh_from_db()
    assert line.attested_as == "admin"


def test_what_is_gone_is_shown_as_gone(cast, review):
    Membership.objects.filter(user=cast.vera).delete()
    line = line_of(review, cast.vera)
    client = browser(cast.olivia)
    assert "gone" in text(client.get(page_of(review)))
    url = page_of(review, f"lines/{line.pk}/")
    assert "Note as gone" in text(client.get(url))
    client.post(url, {"deed": "attest"})
    line.refresh_from_db()
    assert line.decision == "gone"


def test_500_lines_are_a_page_at_a_time_and_cost_the_same(cast, django_assert_max_num_queries):
    for number in range(120):
        user = User.objects.create(email=f"u{number:03}@example.com")
        Membership.objects.create(team=cast.research, user=user)
    review = open_review(by=cast.admin, team=cast.research, due_on=TODAY)
    client = browser(cast.olivia)
    client.get(page_of(review))
    with django_assert_max_num_queries(26):
        page = client.get(page_of(review))
    assert len(page.context["rows"]) == 50
    assert "127 lines" in text(page)
    last = client.get(page_of(review), {"p": 3})
    assert len(last.context["rows"]) == 27


def test_closing_says_how_many_are_open_and_then_closes(cast, review):
    client = browser(cast.admin)
    answer = client.post(page_of(review, "close/"), follow=True)
    assert "7 lines are still open." in text(answer)
    attest_lines(by=cast.admin, lines=review.lines.all())
    answer = client.post(page_of(review, "close/"), follow=True)
    assert "The review is closed." in text(answer)
    assert "Nothing of it changes any more." in text(answer)
    assert "Close the review" not in text(answer)


@pytest.mark.parametrize(("name", "days", "told"), [
    ("olivia", 0, True), ("admin", 0, True), ("olivia", 1, False), ("sam", 0, False),
])  # fmt: skip
def test_the_start_page_reminds_of_what_is_due(cast, name, days, told):
    open_review(by=cast.admin, team=cast.research, due_on=TODAY + timedelta(days=days))
    cache.clear()
    assert ("1 access review is due." in text(browser(getattr(cast, name)).get("/admin/"))) == told


def test_a_closed_review_is_due_no_more(cast, review):
    attest_lines(by=cast.admin, lines=review.lines.all())
    review_actions.close_review(by=cast.admin, review=review)
    assert "access review is due" not in text(browser(cast.olivia).get("/admin/"))
    assert "No access reviews yet" not in text(browser(cast.olivia).get(f"{LIST}?state=closed"))


# The result


def test_the_result_is_a_file_that_no_spreadsheet_runs(cast, review):
    revoke_line(by=cast.olivia, line=line_of(review, cast.marco), note="=1+1")
    answer = browser(cast.olivia).get(page_of(review, "result.csv"))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="access-review-research-{TODAY}.csv"' in answer["Content-Disposition"]
    head, *lines = answer.content.decode().splitlines()
    assert head.startswith("review,team,opened_at")
    assert len(lines) == 7
    assert sum("'=1+1" in line for line in lines) == 1
    entry = Entry.objects.get(action="access_review_exported")
    assert (entry.target_label, entry.actor_label) == (review.uid, "olivia@example.com")


def test_the_result_asks_once_more_who_one_is(cast, review):
    client = browser(cast.olivia)
    stale(client)
    assert client.get(page_of(review, "result.csv")).status_code in (302, 403)
    assert client.get(f"{API}{review.uid}/?format=csv").status_code == 403
    key = cast.bearer(cast.olivia)
    answer = Client().get(f"{API}{review.uid}/?format=csv", headers=key)
    assert answer.json()["error"]["code"] == "fresh_authentication_required"
    assert not Entry.objects.filter(action="access_review_exported").exists()


# The API


def test_the_api_opens_decides_and_closes(cast):
    client = browser(cast.olivia)
    sent = {"team": "research", "due_on": str(TODAY), "note": "By program"}
    made = client.post(API, sent, "application/json")
    assert made.status_code == 201
    uid = made.json()["uid"]
    assert (made.json()["lines"], made.json()["decided"], made.json()["team"]) == (7, 0, "research")
    lines = client.get(f"{API}{uid}/lines/?kind=membership").json()["results"]
    by_user = {line["user"]: line for line in lines}
    assert by_user["marco@example.com"]["now"] == "member"
    for user, deed in (("marco@example.com", "revoke"), ("vera@example.com", "attest")):
        url = f"{API}{uid}/lines/{by_user[user]['id']}/{deed}/"
        assert client.post(url, {"note": "x"}, "application/json").status_code == 200
        assert client.post(url, {}, "application/json").status_code == 409
    assert not Membership.objects.filter(team=cast.research, user=cast.marco).exists()
    assert client.get(f"{API}{uid}/").json()["decided"] == 2
    assert len(client.get(f"{API}{uid}/lines/?decision=open").json()["results"]) == 5
    closing = client.post(f"{API}{uid}/close/")
    assert (closing.status_code, closing.json()["error"]["code"]) == (409, "conflict")
    attest_lines(by=cast.admin, lines=ReviewLine.objects.all())
    assert client.post(f"{API}{uid}/close/").json()["closed_by"] == "olivia@example.com"
    result = client.get(f"{API}{uid}/?format=csv")
    assert result["Content-Type"].startswith("text/csv")


def test_the_api_tells_what_changed(cast, review):
    marco = Membership.objects.get(team=cast.research, user=cast.marco)
    change_role(by=cast.admin, membership=marco, role="viewer")
    client, line = browser(cast.olivia), line_of(review, cast.marco)
    rows = client.get(f"{API}{review.uid}/lines/?kind=membership").json()["results"]
    shown = next(row for row in rows if row["id"] == line.pk)
    assert (shown["role"], shown["now"]) == ("member", "viewer")
    url = f"{API}{review.uid}/lines/{line.pk}/attest/"
    assert client.post(url, {}, "application/json").status_code == 409
    done = client.post(url, {"right": "viewer"}, "application/json").json()
    assert (done["decision"], done["attested_as"]) == ("attested", "viewer")


@pytest.mark.parametrize(
    ("name", "team", "status"),
    [
        ("olivia", "support", 422),
        ("olivia", None, 403),
        ("adam", "research", 403),
        ("marco", "research", 403),
        ("auditor", "research", 403),
        ("admin", None, 201),
    ],
)
def test_who_opens_by_the_api(cast, name, team, status):
    sent = {"team": team, "due_on": str(TODAY)}
    answer = browser(getattr(cast, name)).post(API, sent, "application/json")
    assert answer.status_code == status


def test_keys_need_the_scope_and_keys_of_projects_see_none(cast, review):
    for options, status in (
        ({"scopes": ["reviews:read"]}, 200),
        ({"scopes": ["usage:read"]}, 403),
        ({"projects": ["assistant"]}, 403),
    ):
        key = cast.bearer(cast.olivia, **options)
        assert Client().get(API, headers=key).status_code == status, options
    key = cast.bearer(cast.olivia, scopes=["reviews:read"])
    url = f"{API}{review.uid}/lines/{line_of(review, cast.vera).pk}/attest/"
    assert Client().post(url, {}, "application/json", headers=key).status_code == 403


# Two at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deeds", [(attest_line, revoke_line), (revoke_line, revoke_line)])
def test_of_two_reviewers_at_one_line_one_decides(deeds):
    cast = build_cast()
    second = User.objects.create(email="second@example.com", is_superuser=True)
    review = open_review(by=cast.admin, team=cast.research, due_on=TODAY)
    line = line_of(review, cast.marco)
    barrier, outcomes = Barrier(2), []

    def decide(deed, by):
        try:
            barrier.wait(20)
            outcomes.append(deed(by=by, line=line).decision)
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [
        Thread(target=decide, args=pair) for pair in zip(deeds, (cast.admin, second), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    stored = ReviewLine.objects.get(pk=line.pk)
    assert sorted(outcomes) == sorted(["conflict", stored.decision])
    is_member = Membership.objects.filter(team=cast.research, user=cast.marco).exists()
    assert is_member == (stored.decision == "attested")
    actions = ("access_attested", "access_revoked", "access_gone")
    assert Entry.objects.filter(action__in=actions).count() == 1


def test_deciding_about_an_assignment_needs_nothing_of_the_membership(cast, review):
    client = browser(cast.olivia)
    line = line_of(review, cast.rita, "assignment")
    url = page_of(review, f"lines/{line.pk}/")
    assert "in the team as member" in text(client.get(url))
    assert client.post(url, {"deed": "revoke"}).status_code == 302
    assert not ProjectMember.objects.filter(user=cast.rita).exists()
    assert Membership.objects.filter(team=cast.research, user=cast.rita).exists()


@pytest.mark.parametrize("sent", ["9" * 30, "9" * 5000, "-1", "x"])
def test_a_line_that_cannot_be_is_no_line(cast, review, sent):
    answer = browser(cast.admin).post(page_of(review, "attest/"), {"one": sent})
    assert answer.status_code == 302
    assert not review.lines.exclude(decision="").exists()


def test_a_review_is_opened_by_one_button(cast):
    page = text(browser(cast.admin).get(f"{LIST}add/"))
    assert "_addanother" not in page
    assert "_continue" not in page
