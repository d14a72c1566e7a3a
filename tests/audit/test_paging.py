"""Pages of the trail: nothing twice, nothing left out, whatever arrives, and for each reader their own part alone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit import paging, searching
from audit.models import Entry
from audit.paging import Reader
from audit.searching import Search
from audit.trail import record
from teams.models import Membership, Team


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def turned(client, url, way):
    """The ids of all pages from here on, in the order in which a reader sees them."""
    pages = []
    while url:
        shown = client.get(url).context["cl"]
        pages.append([entry.pk for entry in shown.result_list])
        address = getattr(shown.turning, f"{way}_url")
        url = f"/admin/audit/entry/{address}" if address else ""
    return pages


def test_turning_the_pages_shows_every_entry_once_however_many_arrive(cast):
    for _ in range(130):
        record(action="exported")
    client = signed_in(cast.admin)
    first = client.get("/admin/audit/entry/?action=exported").context["cl"]
    seen = [entry.pk for entry in first.result_list]
    for _ in range(70):
        record(action="exported")
    older = f"/admin/audit/entry/{first.turning.older_url}"
    pages = [seen, *turned(client, older, "older")]
    assert [len(page) for page in pages] == [50, 50, 30]
    wanted = list(Entry.objects.filter(action="exported").values_list("pk", flat=True)[70:])
    assert [key for page in pages for key in page] == wanted
    last = client.get(f"/admin/audit/entry/?action=exported&before={pages[-1][0] + 1}")
    back = f"/admin/audit/entry/{last.context['cl'].turning.newer_url}"
    shown = client.get(back).context["cl"].result_list
    assert [entry.pk for entry in shown] == pages[1]


def test_past_the_newest_it_is_the_first_page_again(cast):
    client = signed_in(cast.admin)
    newest = client.get("/admin/audit/entry/").context["cl"].result_list
    beyond = client.get("/admin/audit/entry/?after=999999999999999999999").context["cl"]
    assert [e.pk for e in beyond.result_list] == [e.pk for e in newest]
    assert not beyond.turning.newer_url


@pytest.mark.parametrize("many", [1, 3])
def test_who_reads_several_teams_reads_all_of_them_and_no_other(cast, many):
    teams = [Team.objects.create(slug=f"t{n}", name=f"T {n}") for n in range(many)]
    reads = type(cast.marco).objects.create(email="reads@example.com")
    for team in teams:
        Membership.objects.create(team=team, user=reads, role="admin")
    for n in range(60):
        record(action="exported", team_id=[*teams, cast.support][n % (many + 1)].pk)
    mine = {team.pk for team in teams}
    reader = Reader(reads, Search(action="exported"))
    page = reader.page(size=20)
    further = reader.page(before=page.older, size=100)
    keys = [entry.pk for entry in [*page.entries, *further.entries]]
    wanted = Entry.objects.filter(action="exported", team_id__in=mine)
    assert keys == list(wanted.values_list("pk", flat=True))
    assert reader.page(after=keys[20], size=20).entries == page.entries
    assert Reader(reads, Search(team_id=cast.support.pk)).page().entries == []
    assert Reader(cast.marco).page().entries == []


def test_a_team_chosen_by_its_slug_narrows_and_a_foreign_one_shows_nothing(cast):
    for team in (cast.research, cast.support):
        record(action="exported", team_id=team.pk)
    client = signed_in(cast.olivia)

    def found(query):
        page = client.get(f"/admin/audit/entry/?action=exported&{query}").context["cl"]
        return {entry.team_id for entry in page.result_list}

    assert found("team=research") == {cast.research.pk}
    assert found("team=support") == set()
    assert found(f"team_id={cast.support.pk}") == set()


def test_a_time_range_finds_what_lies_in_it_also_where_clocks_were_set(cast):
    """Ids grow with time but for an hour that ran twice."""
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    moments = [start + timedelta(minutes=n) for n in range(120)]
    again = [start + timedelta(minutes=60 + n) for n in range(60)]
    rows = [Entry(action="timed", created_at=moment) for moment in [*moments, *again]]
    Entry._base_manager._insert(
        rows, fields=[f for f in Entry._meta.concrete_fields if not f.primary_key], using="default"
    )
    since, until = start + timedelta(minutes=90), start + timedelta(minutes=95)
    reader = Reader(cast.admin, Search(action="timed", since=since, until=until))
    assert len(reader.page().entries) == 12
    assert Reader(cast.admin, Search(since=timezone.now() + timedelta(days=1))).page().entries == []
    before = Reader(cast.admin, Search(until=start - timedelta(days=1)))
    assert before.page().entries == []


def test_a_combination_that_is_nowhere_says_how_far_it_looked_and_goes_on(cast, monkeypatch):
    record(action="exported", target_type="x.Y", target_label="old")
    for n in range(40):
        record(action=("exported", "opened")[n % 2], target_type=("x.Z", "x.Y")[n % 2])
    monkeypatch.setattr(paging, "WINDOW", 10)
    client = signed_in(cast.admin)
    url, looks, found = "/admin/audit/entry/?action=exported&target_type=x.Y", 0, []
    while url and looks < 20:
        answer = client.get(url)
        shown = answer.context["cl"]
        found += [entry.target_label for entry in shown.result_list]
        looks += 1
        if not found:
            assert "looking as far as" in answer.content.decode()
        older = shown.turning.older_url
        url = f"/admin/audit/entry/{older}" if older and not found else ""
    assert found == ["old"]
    assert looks > 3
    key = Entry.objects.get(target_label="old").pk
    reader = Reader(cast.admin, Search(action="exported", target_type="x.Y"))
    assert reader.page(after=key - 30).newer is not None
    assert [e.pk for e in reader.page(after=key - 5).entries] == [key]


def test_of_one_value_alone_all_is_found_at_once_however_rare(cast, monkeypatch):
    record(action="rare", target_label="old")
    for _ in range(30):
        record(action="exported")
    monkeypatch.setattr(paging, "WINDOW", 10)
    assert [e.target_label for e in Reader(cast.admin, Search(action="rare")).page().entries] == [
        "old"
    ]


@pytest.mark.parametrize("person", ["admin", "olivia"])
def test_a_page_costs_the_same_for_one_name_or_fifty_also_of_erased_people(
    cast, person, django_assert_max_num_queries
):
    from audit.labels import sealed_label
    from portal import keyring
    from portal.context import Actor

    actors = [Actor("user", str(5000 + n), f"p{n}@example.com") for n in range(60)]
    for actor in actors:
        assert sealed_label(actor)
        record(action="exported", actor=actor, team_id=cast.research.pk)
    for actor in actors[:20]:
        keyring.destroy(keyring.person(actor.id))
    client = signed_in(getattr(cast, person))
    client.get("/admin/")
    keyring.forget()
    with django_assert_max_num_queries(20):
        page = client.get("/admin/audit/entry/?action=exported")
    assert "p59@example.com" in page.content.decode()
    older = client.get(f"/admin/audit/entry/{page.context['cl'].turning.older_url}")
    assert "(erased)" in older.content.decode()


def test_moments_are_days_minutes_or_exact(cast):
    whole = searching.moment("to", "2026-03-01", is_end=True)
    assert (whole.hour, whole.second) == (23, 59)
    assert searching.moment("to", "2026-03-01T10:20", is_end=True).second == 59
    assert searching.moment("from", "2026-03-01T10:20:30+02:00").hour == 10
