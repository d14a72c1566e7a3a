"""Lists say what they show, count only so far, and lead on when they are empty; forms explain every field."""

import re

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse

from accounts.models import Key, User
from guards.models import GuardEvent
from portal.models import Setting
from projects.models import Exchange, Project

pytestmark = pytest.mark.django_db


def list_of(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def usage(cast, many=1, **more) -> None:
    fields = {"project": cast.assistant, "project_slug": "assistant", "team": cast.research}
    fields |= {"door": "api", "outcome": "answered", "user": cast.marco}
    Exchange.objects.bulk_create(Exchange(**{**fields, **more}) for _ in range(many))


def test_filters_stand_in_words_above_the_list_and_each_can_be_taken_back(cast, client):
    usage(cast)
    usage(cast, outcome="blocked_input", guard_action="block", guards=["words"])
    client.force_login(cast.admin)
    page = client.get(list_of(Exchange) + "?result=blocked&team=research&last=7d").content.decode()
    for words in ("result: blocked", "team: Research", "time: last 7 days", "Show all"):
        assert words in page
    assert "1 exchange" in page
    back = re.search(r'href="(\?[^"]*)">result: blocked', page)[1].replace("&amp;", "&")
    assert "result" not in back
    assert "team=research" in back
    assert "2 exchanges" in client.get(list_of(Exchange) + back).content.decode()


def test_filters_carry_counts_of_the_newest_rows_only(cast, client, monkeypatch):
    usage(cast, 3, outcome="rate_limited")
    usage(cast, 5)
    client.force_login(cast.admin)
    page = client.get(list_of(Exchange))
    result = next(f for f in page.context["cl"].filters if f.title == "result")
    counts = {choice.words: choice.count for choice in result.choices}
    assert counts["answered"] == "5"
    assert counts["refused"] == "3"
    monkeypatch.setattr("portal.console_lists.COUNTED", 4)
    page = client.get(list_of(Exchange))
    result = next(f for f in page.context["cl"].filters if f.title == "result")
    counts = {choice.words: choice.count for choice in result.choices}
    assert (counts["answered"], counts["refused"]) == ("4", "0")
    assert page.context["cl"].counts_are_bounded


def test_counts_of_filters_know_no_other_team(cast, client):
    usage(cast, 2)
    usage(cast, 3, project=cast.helpdesk, project_slug="helpdesk", team=cast.support)
    client.force_login(cast.olivia)
    page = client.get(list_of(Exchange))
    door = next(f for f in page.context["cl"].filters if f.title == "door")
    assert {c.words: c.count for c in door.choices}["API"] == "2"
    teams = [f for f in page.context["cl"].filters if f.title == "team"]
    assert all("Support" not in c.words for f in teams for c in f.choices)


def test_a_forged_team_in_the_address_shows_nothing_of_it(cast, client):
    usage(cast, project=cast.helpdesk, project_slug="helpdesk", team=cast.support, user=cast.sam)
    client.force_login(cast.olivia)
    page = client.get(list_of(Exchange) + "?team=support", follow=True).content.decode()
    assert "sam@example.com" not in page


@pytest.mark.parametrize("query", ["?q=nothing-like-it", "?result=failed"])
def test_a_list_that_a_filter_emptied_offers_to_show_all(cast, client, query):
    usage(cast)
    client.force_login(cast.admin)
    page = client.get(list_of(Exchange) + query).content.decode()
    assert "Nothing matches" in page
    assert 'href="?">Show all' in page


def test_every_empty_list_says_what_comes_next(admin_alone, client):
    client.force_login(admin_alone)
    for model, page in admin.site._registry.items():
        model._default_manager.filter(pk__isnull=False)
        if model in (User, Setting) or model._meta.label == "audit.Entry":
            continue
        shown = client.get(list_of(model)).content.decode()
        assert "yet</h2>" in shown, model
        assert str(page.next_step).split("'")[0] in shown, model
        assert page.next_step or page.has_add_permission(request_of(admin_alone)), model


@pytest.fixture
def admin_alone(django_user_model):
    return django_user_model.objects.create(email="first@example.com", is_superuser=True)


def request_of(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def test_every_page_of_the_navigation_says_what_it_is_and_what_its_search_searches():
    for model, page in admin.site._registry.items():
        assert page.intro, model
        assert not page.search_fields or page.search_help_text, model


def test_the_usage_list_reads_like_a_sentence(cast, client):
    usage(
        cast,
        prompt_tokens=900,
        completion_tokens=350,
        tokens_estimated=True,
        latency_ms=1234,
        cost="0.0125",
        guard_action="redact",
        guards=["personal-data"],
    )
    usage(cast, user=None, visitor="v1", door="widget", cost=None)
    client.force_login(cast.admin)
    page = client.get(list_of(Exchange)).content.decode()
    for words in (
        "just now",
        "≈ 1,250",
        "$0.01",
        "1.2 s",
        "redact: personal-data",
        "visitor",
        "unknown",
    ):
        assert words in page, words
    detail = client.get(
        reverse("admin:projects_exchange_change", args=[Exchange.objects.last().pk])
    )
    assert "Exchange in assistant" in detail.content.decode()


def test_the_events_of_an_exchange_are_found_from_it_and_it_from_them(cast, client):
    usage(cast, uid="ab" * 16)
    event = GuardEvent.objects.create(
        guard_slug="personal-data",
        guard_version=3,
        kind="personal_data",
        stage="input",
        mode="redact",
        action="redact",
        team=cast.research,
        exchange="ab" * 16,
        findings=[
            {
                "kind": "personal_data",
                "category": "credit_card",
                "severity": "high",
                "start": 1,
                "end": 17,
            }
        ],
    )
    client.force_login(cast.olivia)
    row = Exchange.objects.get(uid="ab" * 16)
    page = client.get(reverse("admin:projects_exchange_change", args=[row.pk])).content.decode()
    there = reverse("admin:guards_guardevent_change", args=[event.pk])
    assert there in page
    assert "credit card" in page
    page = client.get(there).content.decode()
    assert "ab" * 16 in page
    assert "version 3" in page
    assert "credit card" in page


def test_a_key_shows_its_state_and_is_found_by_it(cast, client):
    cast.key(cast.marco)
    client.force_login(cast.admin)
    assert "1 key" in client.get(list_of(Key) + "?state=live").content.decode()
    assert "Nothing matches" in client.get(list_of(Key) + "?state=revoked").content.decode()


def test_a_mistake_is_named_in_a_summary_that_leads_to_its_field(cast, client):
    client.force_login(cast.admin)
    page = client.post(reverse("admin:projects_project_add"), {"name": ""}).content.decode()
    assert "Not saved:" in page
    assert '<a href="#id_name">Name</a>' in page
    assert not Project.objects.filter(name="").exists()
