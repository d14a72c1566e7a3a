"""Snapshots of the matrix, and what people gained and lost between two of them."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actions import deactivate
from accounts.models import User
from audit.models import Entry
from portal.errors import Refusal
from portal.tenancy import POSTGRESQL, Scope, tenant
from projects.access import api_history, history, snapshots
from projects.access.history import History
from projects.access.loading import Selection, places
from projects.access.packing import unpack
from projects.access.reaches import rows
from projects.access.snapshots import KEPT_DAYS, prune, take_snapshot
from projects.actions import assign_member
from projects.models import PermissionSnapshot, PermissionSnapshotPart, Project, ProjectMember
from projects.tasks import snapshot_permissions
from teams.actions import add_member, change_role, remove_member
from teams.models import Membership
from tests.projects.rows import everybody

URL = "/api/permissions/changes"
TODAY = timezone.localdate()


def taken(days_ago=0):
    """Now's matrix, as the snapshot of an earlier day."""
    made = take_snapshot()
    PermissionSnapshot.objects.filter(pk=made.pk).update(day=TODAY - timedelta(days=days_ago))
    return PermissionSnapshot.objects.get(pk=made.pk)


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def ask(person, **query):
    query = {"from": str(TODAY), **{name.rstrip("_"): value for name, value in query.items()}}
    return client_of(person).get(URL, query)


def cells(answer, kind):
    found = answer.json()[kind]
    return {
        (row["email"], row["project"]) for row in found
    } if kind != "changed" else {
        (pair["after"]["email"], pair["after"]["project"]) for pair in found
    }  # fmt: skip


def live_rows(selection):
    here = places(selection)
    return [row._replace(email="") for person in everybody(selection) for row in rows(person, here)]


def stored_rows(snapshot, selection):
    state = history.Stored(snapshot, selection)
    return [row for person, held in state.people(0) for row in history._rows(person, held, state)]


# What is stored


@pytest.mark.parametrize("name", ["admin", "olivia", "sam"])
def test_a_snapshot_gives_back_the_matrix_for_each_who_reads_it(cast, name):
    add_member(by=cast.admin, team=cast.research, user=cast.admin)
    assign_member(by=cast.admin, project=cast.assistant, user=cast.marco)
    deactivate(by=cast.admin, user=cast.vera)
    made = take_snapshot()
    selection = Selection.of(getattr(cast, name))
    assert sorted(stored_rows(made, selection)) == sorted(live_rows(selection))
    everything = live_rows(Selection.everything())
    assert (made.rows, made.people) == (len(everything), len({row.user for row in everything}))


def test_it_does_not_matter_how_many_people_a_chunk_has(cast, monkeypatch):
    whole = stored_rows(take_snapshot(), Selection.everything())
    monkeypatch.setattr(snapshots, "CHUNK", 2)
    assert stored_rows(take_snapshot(), Selection.everything()) == whole
    assert PermissionSnapshotPart.objects.filter(chunk=3).exists()


def test_there_is_no_name_of_a_person_in_it(cast):
    take_snapshot()
    for part in PermissionSnapshotPart.objects.all():
        text = str(unpack(part.data))
        assert "example.com" not in text
        assert not any(name in text for name in ("olivia", "marco", "Olivia", "Marco"))


def test_platform_admins_are_kept_once_and_not_for_each_project(cast):
    def sizes():
        made = take_snapshot()
        part = PermissionSnapshotPart.objects.get(snapshot=made, team_id=None)
        return unpack(part.data), part.chunk

    admins, chunk = sizes()
    assert (admins, chunk) == ([cast.admin.pk], 0)
    for number in range(20):
        Project.objects.create(
            slug=f"more-{number}", name="More", team=cast.research, model=cast.model
        )
    assert sizes() == (admins, chunk)


def test_the_command_stores_todays_and_a_second_one_takes_its_place(cast, capsys):
    call_command("snapshot_permissions")
    first = PermissionSnapshot.objects.get()
    assert f"{TODAY}: 7 people" in capsys.readouterr().out
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    call_command("snapshot_permissions")
    second = PermissionSnapshot.objects.get()
    assert (second.day, second.rows) == (TODAY, first.rows + 1)
    assert not PermissionSnapshotPart.objects.exclude(snapshot=second).exists()


def test_the_task_stores_one_a_day(cast):
    assert snapshot_permissions() == str(TODAY)
    first = PermissionSnapshot.objects.get()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    assert snapshot_permissions() == str(TODAY)
    assert PermissionSnapshot.objects.get().taken_at == first.taken_at


@pytest.mark.parametrize("where", ["_parts", "packed_places", "prune"])
def test_a_crash_leaves_the_snapshot_that_was_there_and_no_half_one(cast, monkeypatch, where):
    before = take_snapshot()
    kept = PermissionSnapshotPart.objects.count()

    def crash(*args, **kwargs):
        raise RuntimeError("the machine went down")

    monkeypatch.setattr(snapshots, where, crash)
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    with pytest.raises(RuntimeError):
        take_snapshot()
    assert PermissionSnapshot.objects.get().pk == before.pk
    assert PermissionSnapshotPart.objects.count() == kept


def test_old_ones_go_and_the_others_stay(cast):
    for days in (KEPT_DAYS + 1, KEPT_DAYS, 1):
        PermissionSnapshot.objects.create(day=TODAY - timedelta(days=days))
    take_snapshot()
    days = {(TODAY - row.day).days for row in PermissionSnapshot.objects.all()}
    assert days == {0, 1, KEPT_DAYS}
    prune(today=TODAY + timedelta(days=KEPT_DAYS + 1))
    assert not PermissionSnapshot.objects.exists()
    assert not PermissionSnapshotPart.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_sees_one_moment_and_stops_nobody(cast_committed, monkeypatch):
    """Somebody joins while it reads: it knows nothing of it, and they need not wait."""
    cast = cast_committed
    expected = len(live_rows(Selection.everything()))
    monkeypatch.setattr(snapshots, "CHUNK", 2)
    read = snapshots.in_chunks

    def meanwhile(selection, *, size):
        for number, found in enumerate(read(selection, size=size)):
            if not number:
                in_another_thread(
                    lambda: add_member(by=cast.admin, team=cast.support, user=cast.rita)
                )
            yield found

    monkeypatch.setattr(snapshots, "in_chunks", meanwhile)
    assert take_snapshot().rows == expected
    assert Membership.objects.filter(team=cast.support, user=cast.rita).exists()


@pytest.fixture
def cast_committed(transactional_db):
    from tests.cast import build_cast

    return build_cast()


def in_another_thread(deed):
    from threading import Thread

    errors = []

    def run():
        try:
            deed()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert errors == []


def test_it_reads_as_much_however_many_projects_there_are(cast):
    def count():
        with CaptureQueriesContext(connection) as captured:
            take_snapshot()
        return len([query for query in captured if query["sql"].startswith("SELECT")])

    take_snapshot()  # the one whose place the others take
    few = count()
    for number in range(30):
        user = User.objects.create(email=f"u{number}@example.com")
        Membership.objects.create(team=cast.research, user=user)
        Project.objects.create(slug=f"p-{number}", name="P", team=cast.research, model=cast.model)
    assert count() == few


def test_a_team_sees_its_own_parts_alone(cast):
    take_snapshot()
    seen = PermissionSnapshotPart.objects.visible_to(cast.olivia)
    assert set(seen.values_list("team_id", flat=True)) == {cast.research.pk}
    for name in ("marco", "vera", "rita"):
        assert not PermissionSnapshotPart.objects.visible_to(getattr(cast, name)).exists()
    if connection.vendor == POSTGRESQL:
        with tenant(Scope(teams=frozenset([cast.research.pk]), user=cast.olivia.pk)):
            teams = set(PermissionSnapshotPart.objects.values_list("team_id", flat=True))
            assert teams == {cast.research.pk}


# The difference


def test_what_people_gained_and_lost_since_a_day(cast):
    taken(days_ago=3)
    remove_member(by=cast.admin, membership=member(cast.research, cast.vera))
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    change_role(by=cast.admin, membership=member(cast.research, cast.marco), role="admin")
    answer = ask(cast.admin, from_=TODAY - timedelta(days=2), to="now")
    assert answer.status_code == 200
    assert cells(answer, "gained") == {("marco@example.com", "helpdesk")}
    assert cells(answer, "lost") == {
        ("vera@example.com", "assistant"),
        ("vera@example.com", "drafts"),
    }
    assert cells(answer, "changed") == {
        ("marco@example.com", "assistant"),
        ("marco@example.com", "drafts"),
    }
    pair = next(p for p in answer.json()["changed"] if p["after"]["project"] == "assistant")
    assert (pair["before"]["via"], pair["after"]["via"]) == ("public", "team-admin")
    assert answer.json()["from"]["snapshot"] == str(TODAY - timedelta(days=3))  # the nearest before
    assert answer.json()["to"] == {"snapshot": None, "taken_at": None}
    assert answer.json()["next"] is None


def member(team, user):
    return Membership.objects.get(team=team, user=user)


def test_between_two_days_the_present_does_not_count(cast):
    taken(days_ago=5)
    assign_member(by=cast.admin, project=cast.drafts, user=cast.rita)
    taken(days_ago=2)
    remove_member(by=cast.admin, membership=member(cast.research, cast.marco))
    days = {"from_": TODAY - timedelta(days=5), "to": str(TODAY - timedelta(days=1))}
    answer = ask(cast.admin, **days)
    assert cells(answer, "gained") == {("rita@example.com", "drafts")}
    assert answer.json()["lost"] == []
    assert answer.json()["to"]["snapshot"] == str(TODAY - timedelta(days=2))


def test_a_project_that_everybody_reaches_is_gained_by_everybody_once(cast):
    taken()
    Project.objects.create(
        slug="news", name="News", team=cast.research, model=cast.model, visibility="public"
    )
    gained = cells(ask(cast.admin), "gained")
    assert gained == {
        (f"{name}@example.com", "news") for name in ("admin", "olivia", "adam", "marco", "vera")
    }


def test_a_project_that_is_gone_is_lost_and_one_switched_off_is_changed(cast):
    taken()
    ProjectMember.objects.filter(project=cast.drafts).delete()
    cast.drafts.delete()
    Project.objects.filter(pk=cast.helpdesk.pk).update(is_active=False)
    answer = ask(cast.admin)
    assert {project for _who, project in cells(answer, "lost")} == {"drafts"}
    assert cells(answer, "changed") == {
        ("admin@example.com", "helpdesk"),
        ("sam@example.com", "helpdesk"),
    }
    assert {pair["after"]["open"] for pair in answer.json()["changed"]} == {False}
    assert cells(ask(cast.admin, project="drafts"), "lost") == cells(answer, "lost")


def test_a_person_who_exists_no_longer_is_shown_as_such(cast):
    taken()
    key = cast.vera.pk
    cast.vera.delete()
    for answer in (ask(cast.admin), ask(cast.admin, user=str(key)), ask(cast.olivia)):
        lost = answer.json()["lost"]
        assert {(row["user"], row["email"]) for row in lost} == {(key, None)}
        assert len(lost) == 2


def test_a_new_platform_admin_gains_everything(cast):
    taken()
    cast.sam.is_superuser = True
    cast.sam.save()
    assert cells(ask(cast.admin), "gained") == {
        ("sam@example.com", "assistant"),
        ("sam@example.com", "drafts"),
    }
    assert ask(cast.olivia).json()["gained"] == []  # he is not of her team


def test_who_administers_a_team_sees_their_team_alone(cast):
    taken()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    remove_member(by=cast.admin, membership=member(cast.research, cast.vera))
    answer = ask(cast.olivia)
    assert answer.json()["gained"] == []
    assert {project for _who, project in cells(answer, "lost")} == {"assistant", "drafts"}
    assert cells(ask(cast.sam), "gained") == {("marco@example.com", "helpdesk")}
    assert ask(cast.sam).json()["lost"] == []
    for wanted in ({"team": "research"}, {"project": "assistant"}):
        assert ask(cast.sam, **wanted).status_code == 404
    theirs = ask(cast.sam, user="vera@example.com")
    nobodys = ask(cast.sam, user="nobody@example.com")
    assert (theirs.status_code, theirs.json()["lost"]) == (200, [])
    assert (nobodys.status_code, nobodys.json()["lost"]) == (200, [])  # the same: nothing is learnt


@pytest.mark.parametrize(
    ("name", "status"),
    [("auditor", 200), ("adam", 200), ("marco", 403), ("vera", 403), ("rita", 403)],
)
def test_who_may_ask(cast, name, status):
    taken()
    assert ask(getattr(cast, name)).status_code == status


def test_filters_narrow_it_and_unknown_names_are_not_found(cast):
    taken()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    remove_member(by=cast.admin, membership=member(cast.research, cast.vera))
    assert cells(ask(cast.admin, team="support"), "gained") == {("marco@example.com", "helpdesk")}
    assert ask(cast.admin, team="support").json()["lost"] == []
    assert len(ask(cast.admin, user="Vera@example.com ").json()["lost"]) == 2
    assert ask(cast.admin, user="vera@example.com").json()["gained"] == []
    assert cells(ask(cast.admin, project="drafts"), "lost") == {("vera@example.com", "drafts")}
    for wanted in ({"team": "none"}, {"project": "none"}, {"user": "none@example.com"}):
        assert ask(cast.admin, **wanted).status_code == 404


def test_a_day_before_the_first_snapshot_is_refused_and_the_first_is_named(cast):
    assert ask(cast.admin).json()["error"]["fields"]["from"] == [
        "There is no snapshot yet; the first is taken at night."
    ]
    taken(days_ago=3)
    answer = ask(cast.admin, from_=TODAY - timedelta(days=4))
    assert answer.status_code == 422
    first = TODAY - timedelta(days=3)
    assert answer.json()["error"]["fields"]["from"] == [f"The first snapshot is of {first}."]


@pytest.mark.parametrize(
    "query",
    [{"from_": ""}, {"from_": "yesterday"}, {"to": "then"}, {"cursor": "?"}, {"limit": "0"}],
)
def test_what_is_no_question_is_refused(cast, query):
    taken()
    assert ask(cast.admin, **query).status_code == 422


def test_the_days_are_in_order(cast):
    taken(days_ago=5)
    days = {"from_": TODAY, "to": str(TODAY - timedelta(days=1))}
    assert list(ask(cast.admin, **days).json()["error"]["fields"]) == ["to"]


def many(cast, count):
    for number in range(count):
        user = User.objects.create(email=f"u{number:03}@example.com")
        Membership.objects.create(team=cast.support, user=user)


def test_pages_follow_each_other_until_all_was_shown(cast, monkeypatch):
    taken()
    many(cast, 25)
    for looked_at in (5_000, 3):  # also where a page ends before it is full
        monkeypatch.setattr(history, "LOOKED_AT", looked_at)
        found, cursor, pages = [], "", 0
        while cursor is not None:
            answer = ask(cast.admin, cursor=cursor, limit=10).json()
            found += [row["email"] for row in answer["gained"]]
            cursor, pages = answer["next"], pages + 1
        assert found == [f"u{number:03}@example.com" for number in range(25)]
        assert pages == (3 if looked_at == 5_000 else 11)


def test_a_page_costs_the_same_however_many_changed(cast):
    taken()
    counts = []
    for more in (5, 60):
        many_named(cast, more)
        with CaptureQueriesContext(connection) as captured:
            history_page = History(Selection.everything(), since=TODAY, until=None)
            history_page.page(history_page.only(), limit=500)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def many_named(cast, count):
    for number in range(count):
        user = User.objects.create(email=f"{count}-{number}@example.com")
        Membership.objects.create(team=cast.support, user=user)


def test_the_file_has_every_change_and_its_export_is_in_the_trail(cast):
    taken()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    remove_member(by=cast.admin, membership=member(cast.research, cast.vera))
    change_role(by=cast.admin, membership=member(cast.research, cast.adam), role="viewer")
    answer = ask(cast.admin, format="csv")
    assert answer["Content-Type"].startswith("text/csv")
    head, *lines = b"".join(answer).decode().splitlines()
    assert head.startswith("change,user,email,project,team,role_before")
    assert {line.split(",")[0] for line in lines} == {"gained", "lost", "changed"}
    assert len(lines) == 1 + 2 + 2
    assert (
        f"gained,{cast.marco.pk},marco@example.com,helpdesk,support,,,,,,member,,public,yes,yes"
        in lines
    )
    entry = Entry.objects.get(action="access_changes_exported")
    assert entry.changes == {"days": [str(TODAY), "now"]}


def test_the_file_asks_once_more_who_one_is(cast):
    taken()
    key = cast.bearer(cast.admin)
    assert Client().get(URL, {"from": str(TODAY)}, headers=key).status_code == 200
    answer = Client().get(URL, {"from": str(TODAY), "format": "csv"}, headers=key)
    assert answer.json()["error"]["code"] == "fresh_authentication_required"
    assert not Entry.objects.filter(action="access_changes_exported").exists()


def test_a_key_of_single_projects_sees_nothing_of_it(cast):
    taken()
    key = cast.bearer(cast.admin, projects=["assistant"])
    assert Client().get(URL, {"from": str(TODAY)}, headers=key).status_code == 403


def test_nobody_is_user_0_and_nobody_is_shown_for_them(cast):
    taken()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    assert ask(cast.admin).json()["gained"]
    assert ask(cast.admin, user="0").json()["gained"] == []


def test_a_file_breaks_off_when_its_snapshot_is_taken_anew_meanwhile(cast, monkeypatch):
    """Half of it would be compared with nothing, and everybody would seem to have gained everything."""
    monkeypatch.setattr(api_history, "IN_FILE", 1)
    taken()
    add_member(by=cast.admin, team=cast.support, user=cast.marco)
    add_member(by=cast.admin, team=cast.support, user=cast.vera)
    pieces = iter(ask(cast.admin, format="csv"))
    next(pieces)
    next(pieces)
    take_snapshot()
    with pytest.raises(Refusal) as refusal:
        list(pieces)
    assert refusal.value.code == "conflict"


def test_a_file_of_changes_breaks_off_when_the_right_goes(cast, monkeypatch):
    monkeypatch.setattr(api_history, "IN_FILE", 1)
    taken()
    for person in (cast.sam, cast.auditor):
        add_member(by=cast.admin, team=cast.research, user=person)
    pieces = iter(ask(cast.olivia, format="csv"))
    next(pieces)
    Membership.objects.filter(user=cast.olivia).update(role="member")
    with pytest.raises(Refusal) as refusal:
        list(pieces)
    assert refusal.value.code == "permission_denied"
