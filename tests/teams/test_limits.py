"""What limits a team: set by platform admins, read by the team, checked wherever it is written, at every door."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from portal.errors import Refusal
from portal.regions import is_wider
from projects.models import Project, TeamSpend
from teams.models import Team
from tests.accounts.test_fresh import browser, form_of
from tests.cast import connect

VALUES = {
    "requests_per_minute": 7,
    "monthly_budget": "12.500000",
    "content_hours": 48,
    "conversation_days": 30,
    "usage_days": 31,
    "event_days": 60,
    "allowed_regions": "eu, ch",
}
JSON = "application/json"


def patch(cast, user, team="research", **values):
    return browser(user).patch(f"/api/teams/{team}/", values, content_type=JSON)


def test_platform_admins_set_it_by_api(cast):
    answer = patch(cast, cast.admin, **VALUES)
    assert answer.status_code == 200, answer.content
    shown = browser(cast.olivia).get("/api/teams/research/").json()
    assert {name: shown[name] for name in VALUES} == VALUES
    new = browser(cast.admin).post(
        "/api/teams/", {"slug": "new", "name": "New", **VALUES}, content_type=JSON
    )
    assert new.status_code == 201, new.content
    assert Team.objects.get(slug="new").requests_per_minute == 7


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("who", ["olivia", "adam"])
def test_nobody_of_the_team_changes_it_and_what_stays_passes(cast, who, name):
    person = getattr(cast, who)
    answer = patch(cast, person, **{name: VALUES[name]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
    Team.objects.filter(pk=cast.research.pk).update(**VALUES)
    assert patch(cast, person, name="Lab", **VALUES).status_code == 200
    assert (
        patch(cast, person, **{name: "" if name == "allowed_regions" else None}).status_code == 403
    )
    assert Client().patch(
        "/api/teams/research/", {name: None}, JSON, headers=cast.bearer(person)
    ).status_code in (400, 403, 422)
    cast.research.refresh_from_db()
    assert cast.research.name == "Lab"
    assert cast.research.requests_per_minute == 7


@pytest.mark.parametrize(("name", "value"), [
    ("requests_per_minute", 0), ("requests_per_minute", 1_000_001), ("monthly_budget", "-1"),
    ("content_hours", 0), ("conversation_days", 0), ("conversation_days", 4000),
    ("usage_days", 30), ("event_days", 30), ("event_days", 4000),
    ("allowed_regions", "Europe"), ("allowed_regions", "eu," * 31 + "ch"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(cast, name, value):
    answer = patch(cast, cast.admin, **{name: value})
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [name]


def test_the_console_shows_it_to_the_team_and_changes_it_for_platform_admins_alone(cast):
    page = f"/admin/teams/team/{cast.research.pk}/change/"
    Team.objects.filter(pk=cast.research.pk).update(**VALUES)
    client = browser(cast.olivia)
    shown = client.get(page).content.decode()
    assert "only platform admins change it" in shown
    assert "eu, ch" in shown
    data = form_of(client, page, name="Lab") | {"monthly_budget": "999", "requests_per_minute": "9"}
    assert not VALUES.keys() & form_of(client, page).keys()
    assert client.post(page, data).status_code == 302
    cast.research.refresh_from_db()
    assert (cast.research.name, cast.research.monthly_budget) == ("Lab", Decimal("12.5"))
    assert cast.research.requests_per_minute == 7
    client = browser(cast.admin)
    assert "only platform admins change it" not in client.get(page).content.decode()
    assert client.post(page, form_of(client, page, monthly_budget="20")).status_code == 302
    cast.research.refresh_from_db()
    assert cast.research.monthly_budget == 20


def spend(cast, micros):
    month = timezone.now().date().replace(day=1)
    TeamSpend.objects.create(team=cast.research, month=month, spent_micros=micros)
    TeamSpend.objects.create(
        team=cast.support, month=month.replace(year=2020), spent_micros=5_000_000
    )


def test_what_is_spent_and_remains_is_shown_to_who_may_see_all_usage(cast):
    spend(cast, 2_500_000)
    Team.objects.filter(pk=cast.research.pk).update(monthly_budget=4)
    shown = {}
    for name in ("admin", "auditor", "olivia", "adam", "vera", "marco", "rita"):
        row = browser(getattr(cast, name)).get("/api/teams/research/").json()
        shown[name] = (row["spent_this_month"], row["remaining_this_month"])
    assert shown == {
        **dict.fromkeys(("admin", "auditor", "olivia", "adam", "vera"), ("2.500000", "1.500000")),
        **dict.fromkeys(("marco", "rita"), (None, None)),
    }
    row = browser(cast.sam).get("/api/teams/support/").json()
    assert (row["spent_this_month"], row["remaining_this_month"]) == ("0.000000", None)
    Team.objects.filter(pk=cast.research.pk).update(monthly_budget=1)
    assert (
        browser(cast.vera).get("/api/teams/research/").json()["remaining_this_month"] == "0.000000"
    )
    page = browser(cast.olivia).get(f"/admin/teams/team/{cast.research.pk}/change/")
    assert "$2.50 of $1.00; $0 remain" in page.content.decode()


def test_a_budget_is_refused_while_a_price_is_unknown(cast, model_server):
    model = connect(cast, model_server)
    type(model).objects.filter(pk=model.pk).update(input_price_per_million=None)
    answer = patch(cast, cast.admin, monthly_budget="5")
    assert answer.status_code == 422
    assert "test-model" in answer.json()["error"]["fields"]["monthly_budget"][0]
    page = f"/admin/teams/team/{cast.research.pk}/change/"
    client = browser(cast.admin)
    refused = client.post(page, form_of(client, page, monthly_budget="5"))
    assert refused.status_code == 200
    assert "prices are known" in refused.content.decode()
    with pytest.raises(Refusal):
        Team.objects.filter(pk=cast.research.pk).update(monthly_budget=5)
    cast.research.refresh_from_db()
    cast.research.monthly_budget = Decimal(5)
    with pytest.raises(Refusal):
        cast.research.save()
    assert Team.objects.get(slug="research").monthly_budget is None
    Project.objects.filter(team=cast.research).update(is_active=False)
    assert patch(cast, cast.admin, monthly_budget="5").status_code == 200


def test_a_team_with_a_budget_is_changed_after_a_price_was_lost(cast, model_server):
    model = connect(cast, model_server)
    Team.objects.filter(pk=cast.research.pk).update(monthly_budget=5)
    type(model).objects.filter(pk=model.pk).update(input_price_per_million=None)
    assert patch(cast, cast.olivia, name="Lab").status_code == 200
    assert patch(cast, cast.admin, monthly_budget="6").status_code == 422


def test_a_project_with_an_unpriced_model_is_not_saved_in_a_team_with_a_budget(cast, model_server):
    model = connect(cast, model_server)
    Project.objects.filter(team=cast.research).update(model=cast.model)
    type(model).objects.filter(pk=model.pk).update(input_price_per_million=None)
    Team.objects.filter(pk=cast.research.pk).update(monthly_budget=5)
    answer = browser(cast.olivia).patch(
        "/api/projects/assistant/", {"model": model.pk}, content_type=JSON
    )
    assert answer.status_code == 422
    assert "The team has a budget" in answer.json()["error"]["fields"]["model"][0]
    with pytest.raises(ValidationError):
        Project.objects.filter(slug="assistant").update(model=model)
    assert Project.objects.get(slug="assistant").model_id == cast.model.pk


@pytest.mark.parametrize(("before", "after", "wider"), [
    ("", "", False), ("", "eu", False), ("eu", "", True), ("eu", "eu,ch", True),
    ("eu,ch", "ch", False), ("eu, ch", "ch,eu", False), ("eu", "ch", True),
])  # fmt: skip
def test_a_list_of_regions_is_wider_where_it_lets_more_answer(before, after, wider):
    assert is_wider(before, after) is wider
