"""The console's page of changes of access: two days, what part, what it says, and its empty states."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from projects.access import history_page
from projects.access.snapshots import take_snapshot
from projects.models import PermissionSnapshot
from teams.actions import add_member, change_role, remove_member
from teams.models import Membership

URL = "/admin/access/changes/"
TODAY = timezone.localdate()


def page(person, **query):
    client = Client()
    client.force_login(person)
    return client.get(URL, {name.rstrip("_"): str(value) for name, value in query.items()})


def text(answer):
    return " ".join(answer.content.decode().split())


@pytest.fixture
def changed(cast):
    """Since a snapshot of three days ago marco has become an admin, vera is gone, and sam came."""
    made = take_snapshot()
    PermissionSnapshot.objects.filter(pk=made.pk).update(day=TODAY - timedelta(days=3))
    marco = Membership.objects.get(team=cast.research, user=cast.marco)
    change_role(by=cast.admin, membership=marco, role="admin")
    remove_member(
        by=cast.admin, membership=Membership.objects.get(team=cast.research, user=cast.vera)
    )
    add_member(by=cast.admin, team=cast.research, user=cast.sam, role="viewer")
    return cast


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *(("admin", 200), ("auditor", 200), ("olivia", 200), ("adam", 200), ("sam", 200)),
        *(("marco", 403), ("vera", 403), ("rita", 403)),
    ],
)
def test_who_may_open_it(cast, name, status):
    assert page(getattr(cast, name)).status_code == status


def test_strangers_are_sent_to_sign_in(db):
    assert Client().get(URL).status_code == 302


def test_without_a_snapshot_it_says_when_there_will_be_one(cast):
    assert "There is no snapshot yet" in text(page(cast.admin))


def test_it_says_what_changed_in_words_and_which_snapshot_it_took(changed):
    found = text(page(changed.admin))
    day = TODAY - timedelta(days=3)
    assert f"From the snapshot of {day.day} {day:%b %Y}" in found
    assert "to now." in found
    lines = page(changed.admin).context["lines"]
    said = {(line.kind, line.person, line.row.project): (line.before, line.after) for line in lines}
    assert said["changed", "marco@example.com", "assistant"] == (
        "member, public in the team",
        "admin, as owner or admin of the team",
    )
    assert said["lost", "vera@example.com", "drafts"] == (
        "viewer, as viewer of the team (sees only)",
        "no access",
    )
    assert said["gained", "sam@example.com", "assistant"] == (
        "no access",
        "viewer, public in the team (sees only)",
    )
    assert len(said) == 6


def test_who_exists_no_longer_is_shown_as_such(changed):
    key = changed.vera.pk
    changed.vera.delete()
    assert f"a person who no longer exists ({key})" in text(page(changed.admin))


def test_a_team_admin_sees_their_team_alone(changed):
    add_member(by=changed.admin, team=changed.support, user=changed.marco)
    assert "helpdesk" not in text(page(changed.olivia))
    found = text(page(changed.sam))
    assert "helpdesk" in found
    assert "vera@example.com" not in found


def test_filters_narrow_it(changed):
    day = TODAY - timedelta(days=1)
    lines = page(changed.admin, from_=day, user="vera@example.com").context["lines"]
    assert {line.person for line in lines} == {"vera@example.com"}
    assert "Nothing changed" in text(page(changed.admin, from_=day, team="support"))
    answer = page(changed.admin, from_=day, team="none")
    assert answer.status_code == 404
    assert "There was no such team, person or project" in text(answer)


def test_too_early_a_day_and_the_wrong_order_are_explained(changed):
    first = TODAY - timedelta(days=3)
    answer = page(changed.admin, from_=TODAY - timedelta(days=9))
    assert answer.status_code == 422
    assert f"The first snapshot is of {first}." in text(answer)
    assert "before the first day" in text(
        page(changed.admin, from_=TODAY, to=TODAY - timedelta(days=2))
    )
    assert "Enter a valid date" in text(page(changed.admin, from_="x"))


def test_pages_lead_on(changed, monkeypatch):
    monkeypatch.setattr(history_page, "PEOPLE", 1)
    people, query = [], {"from_": TODAY - timedelta(days=1)}
    while True:
        answer = page(changed.admin, **query)
        people += [line.person for line in answer.context["lines"]]
        following = answer.context["next"]
        if not following:
            break
        query = dict(part.split("=") for part in following.split("&"))
    assert list(dict.fromkeys(people)) == [
        "marco@example.com",
        "vera@example.com",
        "sam@example.com",
    ]


def test_it_costs_the_same_however_much_changed(changed):
    def count():
        page(changed.olivia)  # whoever looked before filled the caches
        with CaptureQueriesContext(connection) as captured:
            assert page(changed.olivia).status_code == 200
        return len(captured)

    few = count()
    for number in range(40):
        user = User.objects.create(email=f"u{number}@example.com")
        Membership.objects.create(team=changed.research, user=user)
    assert count() <= few
