"""Who runs a team puts people into it whom they do not see, by exact address: at both doors, slowly, and learns no more."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from portal import limits
from teams import newcomers
from teams.models import CustomRole, Membership
from tests.accounts.test_sessions import signed_in
from tests.cast import new_user

ADD = "/admin/teams/membership/add/"
NOBODY = str(newcomers.NOBODY)


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def by_api(client, address, role="member", team="research"):
    body = {"team": team, "user": address, "role": role}
    return client.post("/api/memberships/", body, "application/json")


def by_console(client, cast, address, role="member"):
    return client.post(ADD, {"team": cast.research.pk, "user": address, "role": role})


def is_in(cast, user):
    return Membership.objects.filter(team=cast.research, user=user).exists()


@pytest.fixture
def still(monkeypatch):
    """The limits' clock, which nobody winds."""
    monkeypatch.setattr(limits, "clock", lambda: 1_800_000_000_000_000)


@pytest.mark.parametrize("name", ["olivia", "adam"])
@pytest.mark.parametrize("address", ["sam@example.com", " SAM@Example.com "])
def test_an_unseen_person_is_added_by_api_and_recorded_once(cast, name, address):
    answer = by_api(browser(getattr(cast, name)), address)
    assert answer.status_code == 201
    assert answer.json()["user"] == "sam@example.com"
    assert set(answer.json()) == {"id", "team", "user", "role", "custom_role", "from_groups"}
    entries = Entry.objects.filter(target_type="teams.Membership", action="create")
    assert [entry.actor_id for entry in entries.filter(target_id=answer.json()["id"])] == [
        str(getattr(cast, name).pk)
    ]


@pytest.mark.parametrize("name", ["olivia", "adam"])
def test_an_unseen_person_is_added_in_the_console_and_recorded_once(cast, name):
    answer = by_console(browser(getattr(cast, name)), cast, " SAM@Example.com ")
    assert answer.status_code == 302
    membership = Membership.objects.get(team=cast.research, user=cast.sam)
    entries = Entry.objects.filter(target_type="teams.Membership", target_id=membership.pk)
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("create", str(getattr(cast, name).pk))
    ]


@pytest.mark.parametrize("address", ["nobody@example.com", "gone@example.com"])
def test_unknown_and_inactive_are_refused_in_the_same_words(cast, address):
    new_user("gone", is_active=False)
    client = browser(cast.adam)
    answer = by_api(client, address)
    assert (answer.status_code, answer.json()["error"]["fields"]) == (422, {"user": [NOBODY]})
    page = by_console(client, cast, address)
    assert page.status_code == 200
    assert NOBODY in page.content.decode()
    assert not Membership.objects.filter(user__email=address).exists()


@pytest.mark.parametrize("text", ["sam", "sam@", "@example.com", "%", ""])
def test_a_part_of_an_address_names_nobody(cast, text):
    client = browser(cast.adam)
    assert by_api(client, text).status_code in (400, 422)
    assert by_console(client, cast, text).status_code == 200
    assert not is_in(cast, cast.sam)


def test_the_console_suggests_nobody_to_them_and_everybody_to_platform_admins(cast):
    page = browser(cast.adam).get(f"{ADD}?team={cast.research.pk}").content.decode()
    assert '<input type="email" name="user"' in page
    page = browser(cast.admin).get(ADD).content.decode()
    assert '<input type="email" name="user"' not in page


def test_a_link_that_names_a_person_by_id_fills_in_whom_one_sees(cast):
    client = browser(cast.adam)
    assert "marco@example.com" in client.get(f"{ADD}?user={cast.marco.pk}").content.decode()
    for named in (cast.sam.pk, "x"):
        assert "sam@example.com" not in client.get(f"{ADD}?user={named}").content.decode()


@pytest.mark.parametrize("name", ["marco", "vera", "rita", "sam", "auditor"])
def test_who_does_not_add_people_learns_nothing_of_accounts(cast, name):
    """Sam may, but not here: his answer is the same for whoever exists."""
    client = browser(getattr(cast, name))
    new_user("newcomer")
    answers = [by_api(client, f"{who}@example.com") for who in ("newcomer", "nobody")]
    if name != "sam":
        assert [answer.status_code for answer in answers] == [403, 403]
    assert all(answer.status_code in (403, 422) for answer in answers)
    assert {"team"} <= set(answers[0].json()["error"].get("fields", {"team": 1}))
    assert not Membership.objects.filter(user__email="newcomer@example.com").exists()


def test_a_role_without_the_right_adds_nobody_at_either_door(cast):
    role = CustomRole.objects.create(
        team=cast.research, name="Less", base="admin", permissions=["portal.use_console"]
    )
    Membership.objects.filter(user=cast.adam).update(custom_role=role)
    client = browser(cast.adam)
    assert by_api(client, "sam@example.com").status_code == 403
    assert by_console(client, cast, "sam@example.com").status_code == 403


def test_probing_ends_after_thirty_addresses_at_all_doors_together(cast, still):
    client = browser(cast.adam)
    for number in range(15):
        assert by_api(client, f"guess{number}@example.com").status_code == 422
        assert by_console(client, cast, f"more{number}@example.com").status_code == 200
    for answer in (by_api(client, "sam@example.com"), by_console(client, cast, "sam@example.com")):
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
    assert not is_in(cast, cast.sam)
    # It is counted for each person, and who is seen is named freely.
    assert by_api(browser(cast.olivia), "sam@example.com").status_code == 201
    assert by_api(client, "marco@example.com").status_code == 422


def test_who_asks_for_what_they_may_not_give_has_asked_nevertheless(cast, still):
    """Else a role that is refused would tell for free who exists."""
    client = browser(cast.adam)
    for _number in range(newcomers.AT_ONCE):
        assert by_api(client, "sam@example.com", role="owner").status_code == 403
    assert by_api(client, "sam@example.com").status_code == 429


def test_people_who_are_added_are_not_counted(cast, still):
    client = browser(cast.adam)
    for number in range(newcomers.AT_ONCE + 2):
        new_user(f"new{number}")
        add = by_api(client, f"new{number}@example.com") if number % 2 else None
        add = add or by_console(client, cast, f"new{number}@example.com")
        assert add.status_code in (201, 302)


def test_platform_admins_name_whom_they_like_unthrottled(cast, still):
    client = browser(cast.admin)
    for number in range(newcomers.AT_ONCE + 1):
        assert by_api(client, f"guess{number}@example.com").status_code == 422
    assert by_api(client, "sam@example.com").status_code == 201


def test_what_is_added_is_in_at_once_and_is_taken_out_again(cast):
    answer = by_api(browser(cast.adam), "sam@example.com")
    sam = signed_in("sam@example.com")
    assert sam.get(reverse("projects:playground", args=["assistant"])).status_code == 200
    path = f"/api/memberships/{answer.json()['id']}/"
    assert browser(cast.adam).get(path).json()["user"] == "sam@example.com"
    assert browser(cast.adam).patch(path, {"role": "viewer"}, "application/json").status_code == 200
    assert browser(cast.adam).delete(path).status_code == 204
