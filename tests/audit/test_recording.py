"""Every change of every recorded model leaves exactly one entry, in the same transaction, whatever way it is made."""

import json

import pytest
from django.apps import apps
from django.db import DatabaseError, transaction

from accounts.models import Key, User
from audit.models import Entry
from portal.classification import EXEMPT_MODELS, FIELDS, is_recorded
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from portal.models import Provider
from portal.recording import RecordedQuerySet
from teams.models import Grant, Membership, Team

OURS = ("portal", "audit", "accounts", "teams", "guards", "projects", "widget")


def entries(**wanted):
    return list(Entry.objects.filter(**wanted).order_by("id"))


@pytest.fixture
def team(db):
    team = Team.objects.create(slug="research", name="Research")
    return team


@pytest.fixture
def people(db):
    return [User.objects.create(email=f"p{number}@example.com") for number in range(3)]


def test_a_creation_has_its_values(team):
    (entry,) = entries(target_type="teams.Team")
    assert (entry.action, entry.target_id, entry.target_label) == (
        "create",
        str(team.pk),
        "research",
    )
    assert entry.changes["name"] == [None, "Research"]
    assert entry.team_id == team.pk


def test_a_save_has_before_and_after_of_what_changed_only(team):
    team.name = "Discovery"
    team.save()
    entry = entries(target_type="teams.Team")[-1]
    assert (entry.action, entry.changes) == ("update", {"name": ["Research", "Discovery"]})


def test_a_save_that_changes_nothing_leaves_no_entry(team):
    before = Entry.objects.count()
    team.save()
    Team.objects.get(pk=team.pk).save()
    assert Entry.objects.count() == before


def test_update_fields_records_those_fields(team):
    team.name, team.slug = "Other", "other"
    team.save(update_fields=["name"])
    assert entries(target_type="teams.Team")[-1].changes == {"name": ["Research", "Other"]}


def test_a_deletion_has_what_was_there_cascades_included(team, people):
    Membership.objects.create(team=team, user=people[0], role="owner")
    team.delete()
    deleted = [(e.target_type, e.action) for e in entries(action="delete")]
    assert sorted(deleted) == [("teams.Membership", "delete"), ("teams.Team", "delete")]
    assert entries(action="delete", target_type="teams.Team")[0].changes["name"] == [
        "Research",
        None,
    ]


def test_a_queryset_update_leaves_one_entry_a_row(team):
    Team.objects.create(slug="support", name="Support")
    Team.objects.update(name="Same")
    updates = entries(target_type="teams.Team", action="update")
    assert [e.changes["name"] for e in updates] == [["Research", "Same"], ["Support", "Same"]]
    Team.objects.update(name="Same")
    assert len(entries(target_type="teams.Team", action="update")) == 2


def test_bulk_create_bulk_update_and_queryset_delete(team, people):
    Membership.objects.bulk_create(
        [Membership(team=team, user=person, role="member") for person in people]
    )
    assert len(entries(target_type="teams.Membership", action="create")) == 3
    rows = list(Membership.objects.all())
    for row in rows:
        row.role = "viewer"
    Membership.objects.bulk_update(rows, ["role"])
    updates = entries(target_type="teams.Membership", action="update")
    assert [e.changes for e in updates] == [{"role": ["member", "viewer"]}] * 3
    assert {e.team_id for e in updates} == {team.pk}
    Membership.objects.all().delete()
    assert len(entries(target_type="teams.Membership", action="delete")) == 3


def test_get_or_create_and_update_or_create(team, people):
    Membership.objects.get_or_create(team=team, user=people[0], defaults={"role": "member"})
    Membership.objects.get_or_create(team=team, user=people[0], defaults={"role": "owner"})
    Membership.objects.update_or_create(team=team, user=people[0], defaults={"role": "admin"})
    found = entries(target_type="teams.Membership")
    assert [e.action for e in found] == ["create", "update"]
    assert found[1].changes == {"role": ["member", "admin"]}


def test_many_to_many_over_an_explicit_table_is_recorded_by_its_rows(team, people):
    Membership.objects.create(team=team, user=people[0])
    team.users.clear()
    assert [e.action for e in entries(target_type="teams.Membership")] == ["create", "delete"]


def test_secrets_appear_as_a_mask_and_personal_values_sealed(db, people):
    provider = Provider(slug="x", name="X", kind="openai", base_url="https://api.example.com/v1")
    provider.set_secret("sk-live-9876543210abcdef")
    provider.save()
    user = people[0]
    user.email = "somebody.else@example.org"
    user.set_password("very-secret-password-1")
    user.save()
    everything = json.dumps([e.changes for e in entries()])
    for hidden in ("sk-live", "9876543210", "somebody.else", "very-secret", user.password):
        assert hidden not in everything
    assert entries(target_type="portal.Provider")[0].changes["secret"] == [None, "••••"]
    sealed = entries(target_type="accounts.User", action="update")[-1].changes["email"][1]
    assert set(sealed) == {"sealed", "subject"}
    assert sealed["subject"] == f"accounts.User:{user.pk}"


def test_the_entry_has_actor_address_and_request(team):
    context = RequestContext(
        request_id="req_1",
        address="192.0.2.7",
        method="POST",
        path="/admin/teams/team/1/change/",
        actor=Actor("user", "7", "olivia@example.com"),
    )
    with entered(context):
        team.name = "New"
        team.save()
    entry = entries()[-1]
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == (
        "user",
        "7",
        "olivia@example.com",
    )
    assert (entry.address, entry.request_id, entry.method) == ("192.0.2.7", "req_1", "POST")


def break_the_trail(monkeypatch):
    def refuse(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr("audit.trail.Entry._base_manager._insert", refuse)


@pytest.mark.django_db(transaction=True)
def test_without_its_entry_no_change_happens_in_any_way(monkeypatch):
    team = Team.objects.create(slug="research", name="Research")
    person = User.objects.create(email="p@example.com")
    break_the_trail(monkeypatch)

    def renamed():
        team.name = "Lost"
        team.save()

    ways = [
        renamed,
        lambda: Team.objects.create(slug="lost", name="Lost"),
        lambda: Team.objects.update(name="Lost"),
        lambda: Team.objects.bulk_create([Team(slug="lost", name="Lost")]),
        lambda: Membership.objects.create(team=team, user=person),
        lambda: Team.objects.all().delete(),
        team.delete,
    ]
    for way in ways:
        with pytest.raises(Refusal) as refused:
            way()
        assert refused.value.code == "audit_unavailable"
    assert list(Team.objects.values_list("slug", "name")) == [("research", "Research")]
    assert not Membership.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_leaves_no_entry():
    team = Team.objects.create(slug="research", name="Research")
    before = Entry.objects.count()

    def fail():
        with transaction.atomic():
            team.name = "Other"
            team.save()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Entry.objects.count() == before


def test_every_model_of_ours_has_a_manager_that_records_and_denies_by_default():
    for model in apps.get_models():
        if model._meta.app_label not in OURS or not is_recorded(model):
            continue
        assert isinstance(model._default_manager.all(), RecordedQuerySet), model
        assert hasattr(model._base_manager.all(), "update")


def test_the_base_shows_nothing_to_ordinary_people(cast):
    for model in apps.get_models():
        manager = model._default_manager
        if model._meta.app_label not in OURS or not hasattr(manager, "visible_to"):
            continue
        stranger = User(email="stranger@example.com", pk=10_000)
        allowed = {"guards.Guard"} & {model._meta.label}
        if not allowed:
            assert not manager.all().visible_to(stranger).exists(), model
        inactive = User(email="gone@example.com", pk=10_001, is_active=False, is_superuser=True)
        assert not manager.all().visible_to(inactive).exists(), model


def test_what_is_classed_and_exempt_exists():
    for dotted in FIELDS:
        label, _dot, field = dotted.rpartition(".")
        apps.get_model(label)._meta.get_field(field)
    for label in EXEMPT_MODELS:
        if not label.startswith(("admin.", "audit.")):
            apps.get_model(label)


def test_a_grant_withdrawn_through_the_queryset_is_in_the_trail(cast):
    Grant.objects.filter(team=cast.research).delete()
    entry = entries(target_type="teams.Grant", action="delete")[-1]
    assert entry.team_id == cast.research.pk


def test_a_keys_last_use_is_no_entry_but_its_revocation_is(cast):
    from django.utils import timezone

    from accounts.actions import revoke_key

    cast.key(cast.marco)
    key = Key.objects.get()
    before = Entry.objects.count()
    Key.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
    assert Entry.objects.count() == before
    revoke_key(by=cast.marco, key=key)
    assert entries(target_type="accounts.Key")[-1].changes["revoked_at"][0] is None
