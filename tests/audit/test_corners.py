"""The ways around a trail that others left open: each one here leaves its entry, and a true one."""

import threading

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat, Upper

from audit.models import Entry
from audit.trail import record
from portal import classification
from portal.context import Actor, RequestContext, acting, entered
from portal.recording import register_listener
from projects.models import KeyProject, Project
from teams.models import Membership, Team


def entries(**wanted):
    return list(Entry.objects.filter(**wanted).order_by("id"))


@pytest.fixture
def team(db):
    return Team.objects.create(slug="research", name="Research")


def test_an_expression_is_recorded_by_what_it_came_to(team):
    team.name = Concat(F("name"), Value(" Two"))
    team.save()
    assert entries()[-1].changes == {"name": ["Research", "Research Two"]}
    Team.objects.update(name=Upper("name"))
    assert entries()[-1].changes == {"name": ["Research Two", "RESEARCH TWO"]}
    Team.objects.update(name=Case(When(slug="research", then=Value("R")), default=Value("?")))
    assert entries()[-1].changes == {"name": ["RESEARCH TWO", "R"]}


def test_a_new_row_with_an_expression_is_recorded_by_what_it_came_to(db):
    Team.objects.create(slug="one", name=Upper(Value("loud")))
    assert entries()[-1].changes["name"] == [None, "LOUD"]
    Team.objects.bulk_create([Team(slug="two", name=Upper(Value("bulk")))])
    assert entries()[-1].changes["name"] == [None, "BULK"]


def test_the_before_is_what_was_stored_not_what_somebody_held(team):
    other = Team.objects.get()
    other.name = "Renamed meanwhile"
    other.save()
    team.name = "Mine"
    team.save()
    assert entries()[-1].changes == {"name": ["Renamed meanwhile", "Mine"]}


def test_a_deletion_records_what_was_stored_whatever_the_instance_holds(team):
    team.name = "Never saved"
    team.delete()
    assert entries()[-1].changes["name"] == ["Research", None]


def test_a_partly_loaded_row_is_recorded_whole_when_it_goes(team):
    Team.objects.only("id").get().delete()
    assert entries()[-1].changes["name"] == ["Research", None]


def test_deleting_what_is_gone_already_leaves_no_second_entry(team):
    same = Team.objects.get()
    team.delete()
    same.delete()
    assert len(entries(action="delete")) == 1


def test_an_update_over_a_join_leaves_one_entry_a_row(cast):
    rows = Team.objects.filter(Q(memberships__role="member") | Q(memberships__role="viewer"))
    assert rows.count() == 3
    rows.update(name="Joined")
    assert len(entries(target_type="teams.Team", action="update")) == 1


def test_an_update_that_ends_its_own_condition_is_recorded(cast):
    Project.objects.filter(visibility="public").update(visibility="private")
    assert len(entries(target_type="projects.Project", action="update")) == 2


def test_a_long_update_takes_the_same_queries_a_page(db, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("audit.rows.PAGE", 10)
    Team.objects.bulk_create([Team(slug=f"t{number}", name="Many") for number in range(25)])
    # savepoint, keys, update, release; three pages of before, row, after and savepoint, insert, release
    with django_assert_num_queries(4 + 3 + 3 * 3):
        Team.objects.update(name="All")
    assert len(entries(action="update")) == 25


def test_what_a_deletion_lets_go_of_is_recorded_too(cast):
    """SET_NULL is an update that Django signals to nobody."""
    cast.key(cast.marco)
    confinement = KeyProject.objects.create(key=cast.marco.keys.get(), project=cast.drafts)
    number = cast.drafts.pk
    cast.drafts.delete()
    (entry,) = entries(target_type="projects.KeyProject", action="update")
    assert entry.target_id == str(confinement.pk)
    assert entry.changes == {"project": [number, None]}
    confinement.refresh_from_db()
    assert confinement.project_id is None


def test_many_to_many_over_an_automatic_table(db, monkeypatch):
    """None of ours has one today; Django's own stands in, taken off the exempt list."""
    monkeypatch.delitem(classification.EXEMPT_MODELS, "auth.Group")
    first, second, third = Permission.objects.order_by("id")[:3]
    group = Group.objects.create(name="g")
    number = group.pk
    group.permissions.add(first, second)
    group.permissions.add(first)
    group.permissions.remove(second, third)
    group.permissions.set([third])
    group.permissions.set([first], clear=True)
    first.group_set.clear()
    second.group_set.add(group)
    group.delete()
    found = entries(target_type__in=["auth.Group", "auth.Permission"])
    changes = [
        {name: change for name, change in entry.changes.items() if name != "id"} for entry in found
    ]
    assert changes == [
        {"name": [None, "g"]},
        {"permissions": {"added": [first.pk, second.pk]}},
        {"permissions": {"removed": [second.pk]}},
        {"permissions": {"removed": [first.pk]}},
        {"permissions": {"added": [third.pk]}},
        {"permissions": {"removed": [third.pk]}},
        {"permissions": {"added": [first.pk]}},
        {"group_set": {"removed": [number]}},
        {"group_set": {"added": [number]}},
        {"name": ["g", None], "permissions": {"removed": [second.pk]}},
    ]


@pytest.mark.parametrize(
    "options",
    [((None, True), {}), ((), {"ignore_conflicts": True}), ((), {"update_conflicts": True})],
)
def test_bulk_creation_with_conflicts_is_refused(team, options):
    args, kwargs = options
    with pytest.raises(ValueError, match="conflict"):
        Team.objects.bulk_create([Team(slug="research", name="Mine")], *args, **kwargs)


def test_the_primary_key_of_a_recorded_row_does_not_change(team):
    with pytest.raises(ValueError, match="primary key"):
        Team.objects.update(id=team.pk + 1)


def test_no_text_can_keep_an_entry_from_being_written(team):
    hostile = "a\0b\ud800" + "x" * 70_000
    circumstances = RequestContext(
        request_id=hostile,
        address=hostile,
        method=hostile,
        path=hostile,
        actor=Actor(*[hostile] * 3),
    )
    with entered(circumstances):
        record(
            action=hostile,
            target_type=hostile,
            target_id=hostile,
            target_label=hostile,
            reason=hostile,
            changes={"a\0": [None, {"deep": [hostile, float("nan"), object()]}]},
        )
    entry = entries()[-1]
    entry.refresh_from_db()
    assert entry.path.startswith("a\ufffdb")
    assert len(entry.path) == 2000
    assert entry.changes["a\ufffd"][1]["deep"][1] == "nan"


def test_stamps_leave_no_entry_and_cost_nothing(cast, django_assert_num_queries):
    from django.utils import timezone

    before = Entry.objects.count()
    cast.marco.last_login = timezone.now()
    with django_assert_num_queries(1):
        cast.marco.save(update_fields=["last_login"])
    assert Entry.objects.count() == before


def test_the_reason_of_a_deed_is_on_its_entries(team):
    with acting(Actor("user", "1", "admin@example.com"), reason="asked for by the board"):
        team.name = "New"
        team.save()
    assert entries()[-1].reason == "asked for by the board"


def test_personal_values_are_sealed_for_the_person_they_speak_of(cast):
    from allauth.account.models import EmailAddress

    EmailAddress.objects.create(user=cast.marco, email="second@example.com")
    sealed = entries(target_type="account.EmailAddress")[-1].changes["email"][1]
    assert sealed["subject"] == f"accounts.User:{cast.marco.pk}"


def test_a_secret_that_cannot_be_read_any_more_can_still_be_replaced(cast, settings):
    from portal.models import Provider

    provider = Provider(slug="x", name="X", kind="openai", base_url="https://api.example.com/v1")
    provider.set_secret("sk-live-9876543210abcdef")
    provider.save()
    settings.FERNET_KEYS = ["another-key-of-another-portal-0123456789"]
    Provider.objects.filter(pk=provider.pk).update(name="Y")
    provider.set_secret("sk-live-abcdef9876543210")
    provider.save()
    assert entries(target_type="portal.Provider")[-1].changes["secret"] == ["••••", "••••"]


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_every_change_once_it_is_committed(monkeypatch):
    heard = []
    monkeypatch.setattr("portal.recording._listeners", [])
    register_listener(heard.append)

    def told(way):
        heard.clear()
        with transaction.atomic():
            way()
            assert heard == []
        return set(heard)

    assert told(lambda: Team.objects.create(slug="a", name="A")) == {"teams.Team"}
    assert told(lambda: Team.objects.update(name="B")) == {"teams.Team"}
    assert told(lambda: Team.objects.bulk_create([Team(slug="b", name="B")])) == {"teams.Team"}
    assert told(lambda: Team.objects.get(slug="b").save()) == set()
    assert told(lambda: Team.objects.filter(slug="b").delete()) == {"teams.Team"}
    heard.clear()
    with transaction.atomic():
        Team.objects.update(name="C")
        transaction.set_rollback(True)
    assert heard == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["save", "update"])
def test_two_at_a_time_record_one_after_the_other(way):
    team = Team.objects.create(slug="research", name="zero")
    held, finished = threading.Event(), threading.Event()

    def second():
        held.wait(10)
        try:
            if way == "save":
                mine = Team(pk=team.pk, slug="research", name="two", created_at=team.created_at)
                mine.save()
            else:
                Team.objects.filter(pk=team.pk).update(name="two")
        finally:
            finished.set()
            connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    with transaction.atomic():
        Team.objects.filter(pk=team.pk).update(name="one")
        held.set()
        assert not finished.wait(0.3)
    thread.join(20)
    changes = [entry.changes["name"] for entry in entries(action="update")]
    assert changes == [["zero", "one"], ["one", "two"]]


def test_a_task_is_one_request_and_names_itself(db):
    from portal.celery import app

    @app.task(name="tests.rename")
    def rename():
        Team.objects.create(slug="a", name="A")
        Team.objects.create(slug="b", name="B")

    rename.apply()
    first, second = entries(target_type="teams.Team")
    assert (first.actor_kind, first.method, first.path) == ("system", "TASK", "tests.rename")
    assert first.request_id == second.request_id


def test_without_a_recorder_nothing_recorded_is_bulk_written(team, monkeypatch):
    monkeypatch.setattr("portal.recording._recorders", [])
    with pytest.raises(RuntimeError, match="audit"):
        Team.objects.update(name="Unseen")
    with pytest.raises(RuntimeError, match="audit"), transaction.atomic():
        Team.objects.bulk_create([Team(slug="b", name="Unseen")])
    assert not Team.objects.filter(name="Unseen").exists()


def test_cascades_are_never_taken_by_djangos_shortcut(cast):
    members = Membership.objects.filter(user=cast.marco).count()
    cast.marco.delete()
    gone = entries(action="delete", target_type="teams.Membership")
    assert len(gone) == members > 0
    assert all(isinstance(entry.changes["team"][0], int) for entry in gone)
