"""The second factor in the console and the API: who has one, who takes it from whom, and who demands it."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import second_factor
from accounts.models import Notice, User
from audit.models import Entry
from teams.models import Membership, Team
from tests.accounts.codes import browser, demand, forget, signed_in, stale, with_factor

USERS = "/admin/accounts/user/"


def reset(client, *people):
    data = {"action": "reset_second_factor", "_selected_action": [user.pk for user in people]}
    return client.post(USERS, data)


def states(client, query=""):
    """The words of the list's column, by name."""
    page = client.get(f"{USERS}{query}").content.decode()
    rows = re.findall(
        r'class="field-email">.*?>([a-z]+)@example\.com<.*?class="field-factor">(.*?)</td>',
        page,
        re.S,
    )
    return {name: re.sub(r"<[^>]+>", "", cell).strip() for name, cell in rows}


def test_the_list_says_who_has_one_who_must_and_who_has_none(cast):
    with_factor(cast.marco)
    demand(cast.research)
    found = states(browser(cast.admin))
    assert (found["marco"], found["vera"], found["sam"]) == ("on", "must set up", "–")
    assert set(states(browser(cast.admin), "?factor=on")) == {"marco"}
    assert set(states(browser(cast.admin), "?factor=due")) == {"adam", "olivia", "rita", "vera"}
    assert set(states(browser(cast.admin), "?factor=off")) == {"admin", "auditor", "sam"}


def test_where_the_platform_demands_it_nobody_is_off(cast, settings):
    secret, _codes = with_factor(cast.admin)
    settings.SECOND_FACTOR_REQUIRED = True
    client = signed_in(cast.admin, secret)
    assert set(states(client).values()) == {"on", "must set up"}
    assert states(client, "?factor=off") == {}
    assert len(states(client, "?factor=due")) == User.objects.count() - 1


def test_the_list_asks_once_for_all(cast):
    client = browser(cast.admin)

    def queries():
        client.get(USERS)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(USERS).status_code == 200
        return len(captured)

    before = queries()
    for number in range(20):
        user = User.objects.create(email=f"p{number}@example.com")
        Membership.objects.create(team=cast.research, user=user, role="member")
    demand(cast.research)
    assert queries() <= before


def test_a_person_says_it_of_themselves(cast):
    with_factor(cast.marco)
    demand(cast.research)
    assert User.objects.get(pk=cast.marco.pk).second_factor_state == "on"
    assert User.objects.get(pk=cast.vera.pk).second_factor_state == "due"
    assert User.objects.get(pk=cast.sam.pk).second_factor_state == "off"
    people = second_factor.with_state(User.objects.order_by("pk"))
    with CaptureQueriesContext(connection) as captured:
        assert {user.second_factor_state for user in people} == {"on", "due", "off"}
    assert len(captured) == 1


def test_an_admin_resets_it_and_the_persons_sessions_end(cast):
    secret, _codes = with_factor(cast.marco)
    there = signed_in(cast.marco, secret)
    assert there.get("/account/").status_code == 200
    assert reset(browser(cast.admin), cast.marco).status_code == 302
    assert there.get("/account/").status_code == 302
    assert not second_factor.has(cast.marco)
    entry = Entry.objects.get(action="second_factor_reset")
    assert (entry.actor_id, entry.target_id) == (str(cast.admin.pk), str(cast.marco.pk))
    assert Notice.objects.filter(kind="second_factor_reset", user=cast.marco).count() == 1


def test_a_platform_admin_does_not_reset_their_own_that_way(cast):
    secret, _codes = with_factor(cast.admin)
    client = signed_in(cast.admin, secret)
    assert reset(client, cast.admin).status_code == 302
    assert second_factor.has(cast.admin)


@pytest.mark.parametrize("name", ["olivia", "adam", "auditor", "marco"])
def test_nobody_else_resets_it(cast, name):
    with_factor(cast.vera)
    reset(browser(getattr(cast, name)), cast.vera)
    assert second_factor.has(cast.vera)


def test_resetting_wants_fresh_authentication(cast):
    with_factor(cast.marco)
    client = stale(browser(cast.admin))
    response = reset(client, cast.marco)
    assert response.status_code == 403
    assert "Confirm who you are" in response.content.decode()
    assert second_factor.has(cast.marco)


# Teams demand it


def form(team, **changes):
    fields = {"name": team.name, "allowed_addresses": "", "grants-TOTAL_FORMS": "0"}
    fields |= {"grants-INITIAL_FORMS": "0"}
    return fields | changes


def save(client, team, **changes):
    return client.post(f"/admin/teams/team/{team.pk}/change/", form(team, **changes))


def is_demanded(team):
    return Team.objects.get(pk=team.pk).second_factor_required


@pytest.mark.parametrize(
    ("name", "may_end_it"), [("admin", True), ("olivia", True), ("adam", False)]
)
def test_who_administers_a_team_switches_it_on_and_only_owners_and_admins_off(
    cast, name, may_end_it
):
    user = getattr(cast, name)
    secret, _codes = with_factor(user)
    client = signed_in(user, secret)
    assert save(client, cast.research, second_factor_required="on").status_code == 302
    assert is_demanded(cast.research)
    assert save(client, cast.research).status_code == 302
    assert is_demanded(cast.research) is not may_end_it
    path = f"/api/teams/{cast.research.slug}/"
    demand(cast.research)
    response = client.patch(path, {"second_factor_required": False}, "application/json")
    assert response.status_code == (200 if may_end_it else 403)
    assert is_demanded(cast.research) is not may_end_it
    demand(cast.research, on=False)
    body = {"second_factor_required": True}
    assert client.patch(path, body, "application/json").json()["second_factor_required"] is True


@pytest.mark.parametrize("name", ["marco", "vera", "rita", "sam", "auditor"])
def test_nobody_else_changes_it(cast, name):
    client = browser(getattr(cast, name))
    body = {"second_factor_required": True}
    response = client.patch("/api/teams/research/", body, "application/json")
    assert response.status_code in (403, 404)
    save(client, cast.research, second_factor_required="on")
    assert not is_demanded(cast.research)


def test_changing_it_wants_fresh_authentication_and_no_key_does(cast):
    client = stale(browser(cast.olivia))
    assert save(client, cast.research, second_factor_required="on").status_code == 403
    body = {"second_factor_required": True}
    response = client.patch("/api/teams/research/", body, "application/json")
    assert response.json()["error"]["code"] == "fresh_authentication_required"
    headers = cast.bearer(cast.olivia)
    response = Client().patch("/api/teams/research/", body, "application/json", headers=headers)
    assert response.json()["error"]["code"] == "fresh_authentication_required"
    assert not is_demanded(cast.research)
    other = {"name": "Research 2"}
    response = Client().patch("/api/teams/research/", other, "application/json", headers=headers)
    assert response.status_code == 200


def test_who_switches_it_on_is_led_through_enrolment_too(cast):
    client = browser(cast.olivia)
    assert save(client, cast.research, second_factor_required="on").status_code == 302
    assert client.get("/admin/")["Location"] == "/account/second-factor/"
    forget()
    assert client.get("/admin/")["Location"] == "/account/second-factor/"
