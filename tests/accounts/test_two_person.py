"""What becomes of a pending change: who decides, what is compared, and that it is made once."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from accounts import pending_actions
from accounts.models import Notice, PendingChange, User
from accounts.notices import words_of
from accounts.tasks import expire_changes
from audit.models import Entry
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from portal.models import Setting
from portal.tenancy import EVERYTHING, tenant
from projects.models import Project
from teams.models import Membership, Team
from tests.accounts.test_two_person_doors import (
    REASON,
    approved_by,
    browser,
    guard_of,
    house,  # noqa: F401 - a fixture
    page_of,
)
from tests.cast import build_cast

CONSOLE = "/admin/accounts/pendingchange/{}/{}/"


def proposed(person, slug="assistant", **body):
    """A pending change of a project, by the API."""
    sent = body or {"log_content": False}
    headers = {"X-Change-Reason": REASON}
    answer = browser(person).patch(
        f"/api/projects/{slug}/", sent, "application/json", headers=headers
    )
    assert answer.status_code == 202, answer.content
    return PendingChange.objects.get(uid=answer.json()["pending_change"])


def deed(person, change, name, **sent):
    return browser(person).post(CONSOLE.format(change.pk, name), sent)


def call(person, change, name, headers=None, **sent):
    client = browser(person) if headers is None else Client()
    return client.post(
        f"/api/pending-changes/{change.uid}/{name}/", sent, "application/json", headers=headers
    )


def logs(slug="assistant"):
    return Project.objects.get(slug=slug).log_content


def test_it_names_who_proposed_it_and_waits_a_week(house):  # noqa: F811
    change = proposed(house.olivia)
    assert (change.proposed_by, change.reason, change.state) == (house.olivia, REASON, "waiting")
    assert change.team_id == house.research.pk
    left = change.expires_at - change.proposed_at
    assert timedelta(days=7) - timedelta(minutes=1) < left < timedelta(days=7, minutes=1)
    entry = Entry.objects.get(action="change_proposed")
    assert (entry.actor_label, entry.reason, entry.team_id) == (
        "olivia@example.com",
        REASON,
        house.research.pk,
    )


def test_nobody_decides_what_they_proposed(house):  # noqa: F811
    change = proposed(house.olivia)
    for name in ("approve", "reject"):
        assert deed(house.olivia, change, name).status_code == 403
        assert call(house.olivia, change, name).status_code == 403
    assert logs()


@pytest.mark.parametrize("person", ["marco", "vera", "rita", "auditor", "sam"])
def test_only_who_may_make_the_change_themselves_decides(house, person):  # noqa: F811
    change = proposed(house.olivia)
    is_seen = person == "auditor"
    for name in ("approve", "reject", "withdraw"):
        assert call(getattr(house, person), change, name).status_code == (403 if is_seen else 404)
        expected = (403, 404) if person == "sam" else (403,)
        assert deed(getattr(house, person), change, name).status_code in expected
    change.refresh_from_db()
    assert (change.state, logs()) == ("waiting", True)


def test_a_team_admin_does_not_approve_what_limits_the_team(house):  # noqa: F811
    change = proposed(house.admin, monthly_budget="9")
    assert call(house.olivia, change, "approve").status_code == 403
    page = browser(house.olivia).get(f"/admin/accounts/pendingchange/{change.pk}/change/")
    assert b">Approve<" not in page.content
    assert b'value="Approve"' not in page.content
    assert approved_by(house.second, change) == "approved"
    assert Project.objects.get(slug="assistant").monthly_budget == 9


def test_a_key_decides_nothing(house):  # noqa: F811
    change = proposed(house.olivia)
    for person in (house.adam, house.admin):
        for scopes in ([], ["changes:read"]):
            answer = call(person, change, "approve", headers=house.bearer(person, scopes=scopes))
            assert answer.status_code == 403
    assert logs()


def test_approving_asks_once_more_who_one_is(house):  # noqa: F811
    change = proposed(house.olivia)
    client = browser(house.adam)
    session = client.session
    session["fresh_at"] = int(time.time()) - 3600
    session.save()
    asked = client.post(CONSOLE.format(change.pk, "approve"))
    assert asked.status_code == 403
    assert b"Confirm who you are" in asked.content
    answer = client.post(f"/api/pending-changes/{change.uid}/approve/", {}, "application/json")
    assert answer.json()["error"]["code"] == "fresh_authentication_required"
    assert logs()


def acting_as(admin, person):
    """A browser in which the admin acts as this person, and may write."""
    client = browser(admin)
    answer = client.post(
        f"/admin/accounts/user/{person.pk}/impersonate/",
        {"reason": "Looking into a ticket", "minutes": 15, "may_write": "on"},
    )
    assert answer.status_code == 302
    return client


def test_nobody_approves_while_they_act_as_somebody_else(house):  # noqa: F811
    change = proposed(house.admin)
    for admin in (house.admin, house.second):  # who proposed it as well as anybody else
        client = acting_as(admin, house.olivia)
        assert client.post(CONSOLE.format(change.pk, "approve")).status_code == 403
        for name in ("approve", "reject", "withdraw"):
            answer = client.post(
                f"/api/pending-changes/{change.uid}/{name}/", {}, "application/json"
            )
            assert answer.status_code == 403, name
    assert logs()


def test_what_is_proposed_in_somebodys_name_is_of_who_acts(house):  # noqa: F811
    client = acting_as(house.admin, house.olivia)
    answer = client.patch(
        "/api/projects/assistant/",
        {"log_content": False},
        "application/json",
        headers={"X-Change-Reason": REASON},
    )
    assert answer.status_code == 202
    change = PendingChange.objects.get()
    assert change.proposed_by == house.admin
    assert call(house.admin, change, "approve").status_code == 403
    assert call(house.olivia, change, "approve").status_code == 200


def test_it_is_decided_once(house):  # noqa: F811
    change = proposed(house.olivia)
    assert deed(house.adam, change, "reject", note="Not now").status_code == 302
    for name, person in (("approve", "admin"), ("reject", "admin"), ("withdraw", "olivia")):
        assert call(getattr(house, person), change, name).status_code == 409
    change.refresh_from_db()
    assert (change.decision, change.note, change.decided_by) == ("rejected", "Not now", house.adam)
    assert logs()


def test_who_proposed_it_withdraws_it_and_nobody_else_does(house):  # noqa: F811
    change = proposed(house.olivia)
    assert call(house.adam, change, "withdraw").status_code == 403
    assert deed(house.olivia, change, "withdraw").status_code == 302
    change.refresh_from_db()
    assert (change.decision, logs()) == ("withdrawn", True)
    assert Notice.objects.filter(kind__startswith="change_").count() == 0


def test_what_was_changed_meanwhile_is_outdated_and_nothing_happens(house):  # noqa: F811
    change = proposed(house.admin, monthly_budget="9", name="Renamed")
    Project.objects.filter(slug="assistant").update(monthly_budget=4)
    assert approved_by(house.second, change) == "outdated"
    project = Project.objects.get(slug="assistant")
    assert (project.monthly_budget, project.name) == (4, "Assistant")
    assert Entry.objects.filter(action="change_outdated").count() == 1


def test_what_was_changed_elsewhere_in_the_row_meanwhile_stays(house):  # noqa: F811
    change = proposed(house.olivia)
    Project.objects.filter(slug="assistant").update(description="Another sentence")
    assert approved_by(house.adam, change) == "approved"
    assert Project.objects.get(slug="assistant").description == "Another sentence"


def test_by_the_api_an_outdated_one_is_a_conflict_and_stays_outdated(house):  # noqa: F811
    change = proposed(house.olivia)
    Project.objects.filter(slug="assistant").update(log_content=False)
    Project.objects.filter(slug="assistant").update(log_content=False, name="X")
    answer = call(house.adam, change, "approve")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    change.refresh_from_db()
    assert change.decision == "outdated"


def test_of_a_row_that_is_gone_nothing_is_made(house):  # noqa: F811
    change = proposed(house.admin)
    Project.objects.get(slug="assistant").delete()
    page = browser(house.adam).get(f"/admin/accounts/pendingchange/{change.pk}/change/")
    assert page.status_code == 200
    assert approved_by(house.adam, change) == "outdated"


def test_an_expired_one_is_not_made(house):  # noqa: F811
    change = proposed(house.olivia)
    PendingChange.objects.filter(pk=change.pk).update(expires_at=timezone.now())
    assert approved_by(house.adam, change) == "expired"
    assert logs()


def test_time_that_is_over_is_written_down_and_told(house):  # noqa: F811
    change, other = proposed(house.olivia), proposed(house.olivia, "drafts")
    PendingChange.objects.filter(pk=change.pk).update(expires_at=timezone.now())
    change.refresh_from_db()
    assert change.state == "expired"
    with tenant(EVERYTHING):
        expire_changes()
        expire_changes()
    change.refresh_from_db()
    other.refresh_from_db()
    assert (change.decision, other.decision) == ("expired", "")
    assert Entry.objects.filter(action="change_expired").count() == 1
    assert Notice.objects.get(kind="change_expired").user == house.olivia


@pytest.mark.parametrize("how", ["demoted", "left", "deactivated", "restricted"])
def test_of_who_may_not_do_it_any_more_it_is_outdated(house, how):  # noqa: F811
    change = proposed(house.adam)
    mine = Membership.objects.filter(user=house.adam)
    if how == "demoted":
        mine.update(role="member")
    elif how == "left":
        mine.delete()
    else:
        flags = {"is_active": False} if how == "deactivated" else {"is_restricted": True}
        User.objects.filter(pk=house.adam.pk).update(**flags)
    assert approved_by(house.olivia, change) == "outdated"
    assert logs()


def test_what_is_not_possible_any_more_is_outdated(house):  # noqa: F811
    """The row's own rules hold as for anybody who saves it."""
    change = proposed(house.admin, monthly_budget="9")
    house.research.grants.all().delete()
    assert approved_by(house.second, change) == "outdated"
    assert Project.objects.get(slug="assistant").monthly_budget == 5


def test_the_trail_names_both_people_and_the_reason(house):  # noqa: F811
    change = proposed(house.olivia)
    approved_by(house.adam, change)
    entry = Entry.objects.get(action="change_approved")
    assert (entry.actor_label, entry.reason) == ("adam@example.com", REASON)
    assert entry.changes["proposed_by"][1]["subject"] == f"accounts.User:{house.olivia.pk}"
    made = Entry.objects.filter(target_type="projects.Project", action="update").latest("id")
    assert made.actor_label == "adam@example.com"
    assert made.reason == f"{REASON} (pending change {change.uid})"
    assert made.changes == {"log_content": [True, False]}


@pytest.mark.parametrize(("name", "kind"), [("approve", "approved"), ("reject", "rejected")])
def test_who_proposed_it_is_told_and_by_mail_too(house, name, kind):  # noqa: F811
    change = proposed(house.olivia)
    deed(house.adam, change, name, note="As agreed")
    notice = Notice.objects.get(kind=f"change_{kind}")
    assert (notice.user, notice.mail_due_at is not None) == (house.olivia, True)
    assert "adam@example.com" in words_of(notice)
    assert "As agreed" in words_of(notice)


def test_where_nobody_else_could_approve_it_waits_and_the_page_says_so(house):  # noqa: F811
    change = proposed(house.olivia)
    page = f"/admin/accounts/pendingchange/{change.pk}/change/"
    assert b"Nobody else may approve" not in browser(house.olivia).get(page).content
    Membership.objects.filter(user=house.adam).update(role="member")
    User.objects.filter(is_superuser=True).update(is_active=False)
    assert b"Nobody else may approve" in browser(house.olivia).get(page).content
    change.refresh_from_db()
    assert change.waits


def test_auditors_see_that_words_change_and_not_which(house):  # noqa: F811
    change = proposed(house.olivia, log_content=False, system_prompt="Say nothing of Zanzibar")
    page = f"/admin/accounts/pendingchange/{change.pk}/change/"
    assert b"Zanzibar" in browser(house.adam).get(page).content
    assert b"Zanzibar" not in browser(house.auditor).get(page).content
    seen = browser(house.auditor).get(f"/api/pending-changes/{change.uid}/")
    assert b"Zanzibar" not in seen.content
    assert seen.status_code == 200


def test_lists_filter_by_state_and_show_each_their_own(house):  # noqa: F811
    change = proposed(house.olivia)
    deed(house.adam, proposed(house.olivia, "drafts"), "reject")
    for person, waiting, all_ in (("olivia", 1, 2), ("adam", 1, 2), ("admin", 1, 2), ("sam", 0, 0)):
        client = browser(getattr(house, person))
        got = client.get("/api/pending-changes/?state=waiting").json()
        assert got["count"] == waiting, person
        assert client.get("/api/pending-changes/").json()["count"] == all_
        page = client.get("/admin/accounts/pendingchange/?state=waiting").content.decode()
        assert ("Assistant" in page) is bool(waiting)
    assert change.state == "waiting"


def test_while_the_rule_goes_off_what_waits_can_still_be_decided(house):  # noqa: F811
    change = proposed(house.olivia)
    Setting.objects.filter(name="two_person_rule").delete()
    assert approved_by(house.adam, change) == "approved"
    assert not logs()


def test_what_an_approval_would_weaken_beside_it_is_refused(house, monkeypatch):  # noqa: F811
    """Only the rows that were proposed may become weaker."""
    change = proposed(house.olivia)
    content = dict(change.content)
    other = guard_of(house)

    def greedy(step):
        other.delete()

    monkeypatch.setattr(pending_actions, "_make_step", greedy)
    assert approved_by(house.adam, change) == "outdated"
    assert (house.assistant.guards.count(), content["steps"][0]["verb"]) == (4, "change")


def test_a_decision_is_a_persons_own(house):  # noqa: F811
    """The deed itself asks, whatever door calls it."""
    change = proposed(house.olivia)
    adam = Actor("user", str(house.adam.pk), house.adam.email)
    for actor, behalf in (
        (Actor("key", "0" * 12, "k"), None),
        (Actor("user", str(house.admin.pk), "admin"), None),
        (adam, Actor("user", str(house.olivia.pk), "olivia")),
    ):
        context = RequestContext(method="POST", actor=actor, on_behalf_of=behalf)
        with entered(context), pytest.raises(Refusal) as refused:
            pending_actions.approve(by=house.adam, change=change)
        assert refused.value.code == "permission_denied"
    assert logs()


def test_the_page_of_a_team_shows_what_waits_in_it(house):  # noqa: F811
    proposed(house.admin, monthly_budget="9")
    page = browser(house.second).get(page_of(Team.objects.get(slug="research")))
    assert page.status_code == 200
    assert b"waits for a second person" in page.content


@pytest.mark.django_db(transaction=True)
def test_of_two_who_approve_at_once_one_makes_it():
    cast = build_cast()
    cast.second = User.objects.create(email="second@example.com", is_superuser=True)
    with tenant(EVERYTHING, atomic=True):
        Setting.objects.create(name="two_person_rule", value=True)
        Project.objects.filter(slug="assistant").update(monthly_budget=5)
    change = proposed(cast.olivia)
    clients = [browser(person) for person in (cast.adam, cast.second, cast.admin)]
    start, answers = threading.Barrier(len(clients)), []

    def approve(client):
        try:
            start.wait()
            answer = client.post(
                f"/api/pending-changes/{change.uid}/approve/", {}, "application/json"
            )
            answers.append(answer.status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409]
    with tenant(EVERYTHING):
        assert Entry.objects.filter(action="change_approved").count() == 1
        assert not Project.objects.get(slug="assistant").log_content
    assert connection.vendor in ("sqlite", "postgresql")
