"""Money at the edges: bounds that reserve too little, months that end, closers that meet."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.models import Entry
from portal.errors import Refusal
from portal.models import Provider
from portal.tenancy import EVERYTHING, tenant
from projects import journey, steps
from projects.budgets import MICROS, month_of
from projects.models import Exchange, Project, TeamSpend
from projects.tasks import close_abandoned
from tests.accounts.test_fresh import browser
from tests.cast import build_cast
from tests.projects.test_team_budgets import BIG, ask, held, priced, spent

BOUNDS = ("max_tokens", "max_completion_tokens")


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("value", [-1, 0, 1_000_001, "12", 1.5, True, None, [4]])
def test_a_project_bounds_its_answers_by_a_number_of_tokens_or_not_at_all(cast, name, value):
    """Less than one token would reserve less than nothing of the budgets."""
    path, body = "/api/projects/assistant/", {"parameters": {name: value}}
    answer = browser(cast.olivia).patch(path, body, "application/json")
    assert answer.status_code == 422
    assert set(answer.json()["error"]["fields"]) == {"parameters"}
    with pytest.raises(ValidationError):
        Project.objects.filter(pk=cast.assistant.pk).update(parameters={name: value})
    cast.assistant.refresh_from_db()
    assert cast.assistant.parameters == {}


@pytest.mark.parametrize(("ours", "theirs"), [BOUNDS, BOUNDS[::-1]])
def test_of_two_bounds_the_larger_is_reserved(cast, model_server, ours, theirs):
    headers = priced(cast, model_server, team=BIG)
    Project.objects.filter(slug="assistant").update(parameters={ours: 10})
    assert ask(headers, **{theirs: 1000}).status_code == 200
    row = Exchange.objects.get()
    assert row.team_reserved_micros >= 1000  # at 1 USD a million


def test_nothing_is_given_back_while_a_provider_may_still_answer(cast):
    """The longest that one may take is what the form takes."""
    longest = max(v.limit_value for v in Provider._meta.get_field("total_timeout_s").validators)
    moment = timezone.now() - timedelta(seconds=longest, minutes=1)
    Exchange.objects.create(project_slug="x", team=cast.research, door="api", created_at=moment)
    assert close_abandoned() == 0


@pytest.mark.django_db(transaction=True)
def test_what_the_sweeper_gave_back_is_not_given_back_again(model_server, monkeypatch):
    """The process was slower than anybody expects, and closes its row after all."""
    cast = build_cast()
    headers = priced(cast, model_server, key=BIG, project=BIG, team=BIG)
    provide = journey.provide

    def slowly(passage):
        provide(passage)
        long_ago = timezone.now() - timedelta(hours=2)
        with tenant(EVERYTHING):  # as the worker
            Exchange.objects.filter(pk=passage.row.pk).update(created_at=long_ago)
            assert held() == [passage.row.reserved_micros] * 3
            assert close_abandoned() == 1
            assert held() == [0, 0, 0]

    monkeypatch.setattr(journey, "provide", slowly)
    assert ask(headers).status_code == 200
    row = Exchange.objects.get()
    assert (row.outcome, row.cost > 0) == ("answered", True)
    assert held() == [0, 0, 0]
    assert spent() == [row.cost * MICROS] * 3


def test_an_exchange_is_paid_from_the_month_that_its_row_names(cast, model_server, monkeypatch):
    """The sweeper knows the row alone, and gives back where it was reserved."""
    headers = priced(cast, model_server, team=BIG)
    ended = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=timezone.get_default_timezone())
    monkeypatch.setattr(steps, "timezone", SimpleNamespace(now=lambda: ended))
    assert ask(headers).status_code == 200
    assert TeamSpend.objects.get().month == month_of(Exchange.objects.get().created_at)


@pytest.mark.django_db(transaction=True)
def test_what_was_refused_while_its_project_was_deleted_has_its_row(monkeypatch):
    cast = build_cast()
    headers = cast.bearer(cast.marco)

    def refuse(passage):
        with tenant(EVERYTHING):
            Project.objects.get(slug="assistant").delete()
        raise Refusal("rate_limited")

    monkeypatch.setattr(steps, "limits", refuse)
    assert ask(headers).status_code == 429
    row = Exchange.objects.get()
    assert (row.project_slug, row.project_id, row.outcome) == ("assistant", None, "rate_limited")
    assert Entry.objects.filter(action="exchange_refused", target_id=row.uid).count() == 1
