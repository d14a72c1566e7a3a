"""The start page: figures that count the right rows of the right teams, what needs a look, and the first steps."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from audit import trail
from guards.models import GuardAttachment
from portal import charts, start_page
from portal.models import Provider
from projects.models import Exchange, Project, ProjectGuard, TeamSpend
from projects.outcomes import GROUPS, OUTCOMES
from teams.models import Membership, Team

pytestmark = pytest.mark.django_db


def exchange(project, *, hours=0.0, outcome="answered", cost="0.25", **more) -> Exchange:
    return Exchange.objects.create(
        project=project,
        project_slug=project.slug,
        team_id=project.team_id,
        door="api",
        outcome=outcome,
        cost=cost and Decimal(cost),
        created_at=timezone.now() - timedelta(hours=hours),
        closed_at=timezone.now(),
        **more,
    )


def figures(client, query="") -> dict[str, tuple[str, str]]:
    """By title: what the page says of the last day and of the last week."""
    cache.clear()
    response = client.get(reverse("admin:index") + query)
    assert response.status_code == 200
    return {
        str(figure.title): (figure.day.total_shown, figure.week.total_shown)
        for figure in response.context["figures"]
    }


def test_it_counts_exchanges_blocks_failures_and_spend_of_a_day_and_a_week(cast, client):
    exchange(cast.assistant)
    exchange(cast.assistant, hours=30, outcome="blocked_input", cost="0")
    exchange(cast.helpdesk, hours=23, outcome="blocked_output")
    exchange(cast.helpdesk, hours=100, outcome="provider_timeout", cost=None)
    exchange(cast.helpdesk, hours=24 * 8, outcome="provider_error")
    client.force_login(cast.admin)
    assert figures(client) == {
        "Exchanges": ("2", "4"),
        "Blocks": ("1", "2"),
        "Spend": ("$0.50", "$0.50"),
        "Failures": ("0", "1"),
        "Failed sign-ins": ("0", "0"),
    }


def test_a_teams_administrators_see_the_figures_of_their_teams_only(cast, client):
    exchange(cast.assistant)
    exchange(cast.helpdesk)
    client.force_login(cast.olivia)
    assert figures(client)["Exchanges"] == ("1", "1")
    assert "Failed sign-ins" not in figures(client)
    assert figures(client, "?team=research")["Exchanges"] == ("1", "1")
    assert client.get("/admin/?team=support").status_code == 404
    Membership.objects.create(team=cast.support, user=cast.olivia, role="admin")
    assert figures(client)["Exchanges"] == ("2", "2")
    assert figures(client, "?team=support")["Exchanges"] == ("1", "1")


def test_a_member_of_another_team_counts_nothing_of_it(cast, client):
    Membership.objects.create(team=cast.support, user=cast.olivia, role="member")
    exchange(cast.helpdesk)
    client.force_login(cast.olivia)
    assert figures(client)["Exchanges"] == ("0", "0")
    assert client.get("/admin/?team=support").status_code == 404


def test_one_persons_figures_are_never_shown_to_another(cast, client):
    exchange(cast.helpdesk)
    client.force_login(cast.admin)
    assert client.get("/admin/?team=research").status_code == 200
    client.force_login(cast.olivia)
    shown = client.get("/admin/")
    assert {f.name: f.day.total for f in shown.context["figures"]}["exchanges"] == 0


def test_failed_sign_ins_come_from_the_trail(cast, client):
    trail.record(action="sign_in_failed", target_type="accounts.User")
    client.force_login(cast.auditor)
    assert figures(client)["Failed sign-ins"] == ("1", "1")


def test_figures_are_counted_once_in_a_while_and_links_lead_to_their_rows(
    cast, client, django_assert_num_queries
):
    exchange(cast.assistant, outcome="blocked_input")
    client.force_login(cast.admin)
    page = client.get("/admin/").content.decode()
    link = "/admin/projects/exchange/?result=blocked&amp;last=24h"
    assert link in page
    rows = client.get(link.replace("&amp;", "&")).content.decode()
    assert "1 exchange" in rows
    assert "result: blocked" in rows
    assert "time: last 24 hours" in rows
    exchange(cast.assistant)
    again = {f.name: f.day.total for f in client.get("/admin/").context["figures"]}
    assert again["exchanges"] == 1
    cache.clear()
    again = {f.name: f.day.total for f in client.get("/admin/").context["figures"]}
    assert again["exchanges"] == 2


def test_every_picture_has_its_numbers_as_a_table(cast, client):
    exchange(cast.assistant)
    client.force_login(cast.admin)
    page = client.get("/admin/").content.decode()
    assert page.count('role="img" aria-label="') >= 10
    assert page.count("<caption") == 10
    assert page.count("<tbody><tr><th") == 10


def test_bars_start_at_zero_leave_gaps_and_name_the_last_value():
    series = charts.Series("Spend", ["a", "b", "c", "d"], [0, None, 5, 10], str)
    picture = charts.bars(series)
    assert picture.count("<rect") == 3
    assert 'height="0.0"' in picture
    assert "most 10" in picture
    assert '<text class="last"' in picture
    assert series.rows == [("a", "0"), ("b", "–"), ("c", "5"), ("d", "10")]
    empty = charts.bars(charts.Series("<b>", ["a"], [0], str))
    assert "most" not in empty
    assert "&lt;b&gt;" in empty


def test_every_outcome_is_in_exactly_one_group():
    grouped = [outcome for members in GROUPS.values() for outcome in members]
    assert sorted(grouped) == sorted(OUTCOMES)


def test_projects_without_a_guard_on_input_need_a_look(cast, client):
    """Drafts and helpdesk have none; a guard on output does not help, the platform's helps all."""
    client.force_login(cast.admin)
    GuardAttachment.objects.all().delete()
    ProjectGuard.objects.all().delete()
    cast.attach(cast.assistant, "words", "input")
    cast.attach(cast.drafts, "words", "output")
    page = client.get("/admin/").content.decode()
    assert "2 active projects have no guard on their input." in page
    rows = client.get("/admin/projects/project/?guarded=no").content.decode()
    assert ">Drafts<" in rows
    assert ">Assistant<" not in rows
    rows = client.get("/admin/projects/project/?guarded=yes").content.decode()
    assert ">Assistant<" in rows
    assert ">Drafts<" not in rows
    GuardAttachment.objects.create(guard=cast.guards["words"], team=None, stage="input")
    page = client.get("/admin/").content.decode()
    assert "Nothing needs a look right now." in page
    cast.guards["words"].is_active = False
    cast.guards["words"].save()
    assert "3 active projects" in client.get("/admin/").content.decode()
    Project.objects.update(is_active=False)
    assert "Nothing needs a look right now." in client.get("/admin/").content.decode()


def test_exchanges_that_never_end_need_a_look(cast, client):
    row = exchange(cast.assistant, hours=1)
    Exchange.objects.filter(pk=row.pk).update(closed_at=None)
    client.force_login(cast.olivia)
    assert (
        "1 exchange has been open for over half an hour" in client.get("/admin/").content.decode()
    )
    client.force_login(cast.sam)
    assert "open for over half an hour" not in client.get("/admin/").content.decode()


def test_degraded_limits_need_a_look_of_those_who_run_the_platform(cast, client, monkeypatch):
    monkeypatch.setattr(start_page, "is_degraded", lambda: True)
    client.force_login(cast.admin)
    assert "Limits are degraded" in client.get("/admin/").content.decode()
    client.force_login(cast.olivia)
    assert "Limits are degraded" not in client.get("/admin/").content.decode()


def test_the_first_steps_know_what_is_done(cast, client):
    client.force_login(cast.admin)
    steps = {str(step.title): step.is_done for step in client.get("/admin/").context["steps"]}
    assert list(steps.items()) == [
        ("Connect a provider", False),
        ("Create a team", True),
        ("Grant a model to the team", True),
        ("Create a project", True),
        ("Attach guards", True),
        ("Invite people", True),
    ]
    Provider.objects.create(slug="x", name="X", kind="openai", base_url="https://x.example/v1")
    assert all(step.is_done for step in client.get("/admin/").context["steps"])
    for person in (cast.olivia, cast.auditor):
        client.force_login(person)
        assert client.get("/admin/").context["steps"] == []


def test_the_first_steps_of_an_empty_house_are_all_to_do(admin_alone, client):
    client.force_login(admin_alone)
    assert not any(step.is_done for step in client.get("/admin/").context["steps"])
    for step in client.get("/admin/").context["steps"]:
        assert client.get(step.url).status_code == 200, step.title


@pytest.fixture
def admin_alone(django_user_model):
    return django_user_model.objects.create(email="first@example.com", is_superuser=True)


def test_a_team_admin_finds_their_teams_in_the_navigation_and_nothing_closed(cast, client):
    client.force_login(cast.olivia)
    page = client.get("/admin/").content.decode()
    assert 'href="/admin/?team=research"' in page
    assert "support" not in page.lower()
    for closed in ("/admin/portal/provider/", "/admin/portal/bucket/"):
        assert closed not in page
    client.force_login(cast.admin)
    page = client.get("/admin/").content.decode()
    assert 'href="/admin/?team=support"' in page
    assert "/admin/portal/provider/" in page


@pytest.mark.parametrize("person", ["admin", "olivia"])
def test_the_start_page_costs_the_same_however_much_happened(
    cast, client, person, django_assert_max_num_queries
):
    client.force_login(getattr(cast, person))
    with django_assert_max_num_queries(26):
        figures(client)
    for number in range(60):
        exchange(cast.assistant, hours=number)
        trail.record(action="sign_in_failed", target_type="accounts.User")
    with django_assert_max_num_queries(26):
        figures(client)


def budgeted(team, budget, micros):
    Team.objects.filter(pk=team.pk).update(monthly_budget=budget)
    month = timezone.now().date().replace(day=1)
    TeamSpend.objects.create(team=team, month=month, spent_micros=micros)


def test_it_shows_what_teams_spent_of_their_budgets_nearest_to_the_end_first(cast, client):
    budgeted(cast.research, 10, 2_500_000)
    budgeted(cast.support, 1, 1_000_000)
    Team.objects.create(slug="zero", name="Zero", monthly_budget=0)
    Team.objects.create(slug="free", name="Free")
    client.force_login(cast.admin)
    shown = client.get("/admin/").context
    assert [(str(m.title), m.percent, m.tone) for m in shown["meters"]] == [
        ("Support", 100, "bad"),
        ("Zero", 100, "bad"),
        ("Research", 25, ""),
    ]
    assert "2 teams have spent their budgets" in str([n.words for n in shown["notices"]])
    assert shown["meters"][2].words == "$2.50 of $10.00; $7.50 remain"
    client.force_login(cast.olivia)
    page = client.get("/admin/")
    assert [str(meter.title) for meter in page.context["meters"]] == ["Research"]
    assert "$2.50 of $10.00; $7.50 remain" in page.content.decode()
    assert not [n for n in page.context["notices"] if "budget" in str(n.words)]


def test_four_fifths_of_a_budget_are_a_notice(cast, client):
    budgeted(cast.research, 10, 7_999_999)
    client.force_login(cast.olivia)
    assert client.get("/admin/").context["meters"][0].tone == ""
    TeamSpend.objects.update(spent_micros=8_000_000)
    shown = client.get("/admin/").context
    assert shown["meters"][0].tone == "warn"
    assert "1 team has spent over 80% of its budget" in str([n.words for n in shown["notices"]])
    TeamSpend.objects.update(month="2020-01-01")
    assert client.get("/admin/").context["meters"][0].percent == 0
