"""Every recorded model × every way to change it: exactly one entry, or, without its entry, no change."""

import pytest
from django.db import DatabaseError, transaction

from audit.models import Entry
from portal.classification import CONTENT, class_of
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from portal.recording import RecordedQuerySet
from tests.audit.matrix import LINES, THIRD_PARTY, recorded_models

MODELS = sorted(model._meta.label for model in recorded_models())
BY_LABEL = {model._meta.label: model for model in recorded_models()}


class Case:
    """One line of the matrix brought to life."""

    def __init__(self, label, cast):
        self.model, self.line = BY_LABEL[label], LINES[label]
        self.values = self.line.values(cast)
        self.change = {self.line.field: self.line.after(cast)}

    def new(self):
        return self.model(**self.values)

    def there(self):
        row = self.new()
        row.save()
        return row

    def rows(self, row):
        return self.model._default_manager.filter(pk=row.pk)


def by_save(case, row):
    setattr(row, *next(iter(case.change.items())))
    row.save()


def by_save_of_named_fields(case, row):
    setattr(row, *next(iter(case.change.items())))
    row.save(update_fields=list(case.change))


def by_save_of_an_instance_never_loaded(case, row):
    stored = {field.name: getattr(row, field.name) for field in row._meta.concrete_fields}
    case.model(**stored | case.change).save()


def by_update_or_create(case, row):
    case.model._default_manager.update_or_create(pk=row.pk, defaults=case.change)


def by_queryset_update(case, row):
    case.rows(row).update(**case.change)


def by_update_of_a_related_manager(case, row):
    for name in case.values:
        field = case.model._meta.get_field(name)
        accessor = field.many_to_one and field.remote_field.get_accessor_name()
        if accessor:
            getattr(getattr(row, name), accessor).filter(pk=row.pk).update(**case.change)
            return
    case.rows(row).update(**case.change)


def by_bulk_update(case, row):
    setattr(row, *next(iter(case.change.items())))
    case.model._default_manager.bulk_update([row], list(case.change))


def by_instance_delete(case, row):
    row.delete()


def by_queryset_delete(case, row):
    case.rows(row).delete()


def by_raw_delete(case, row):
    case.rows(row)._raw_delete(case.rows(row).db)


def by_create(case):
    case.model._default_manager.create(**case.values)


def by_first_save(case):
    case.new().save()


def by_get_or_create(case):
    hidden = {name for name in case.values if class_of(case.model._meta.get_field(name)) == CONTENT}
    case.model._default_manager.get_or_create(
        defaults={name: case.values[name] for name in hidden},
        **{name: value for name, value in case.values.items() if name not in hidden},
    )


def by_bulk_create(case):
    case.model._default_manager.bulk_create([case.new()])


SIGNALLED = {
    "update": (
        by_save,
        by_save_of_named_fields,
        by_save_of_an_instance_never_loaded,
        by_update_or_create,
    ),
    "delete": (by_instance_delete, by_queryset_delete),
    "create": (by_create, by_first_save, by_get_or_create),
}
BULK = {
    "update": (by_queryset_update, by_update_of_a_related_manager, by_bulk_update),
    "delete": (by_raw_delete,),
    "create": (by_bulk_create,),
}


def ways(label, action):
    return SIGNALLED[action] + (() if label in THIRD_PARTY else BULK[action])


def test_every_recorded_model_has_its_line_and_ours_a_recording_manager():
    assert set(LINES) == set(MODELS)
    for label, model in BY_LABEL.items():
        assert isinstance(model._default_manager.all(), RecordedQuerySet) != (label in THIRD_PARTY)


@pytest.mark.parametrize("action", ["create", "update", "delete"])
@pytest.mark.parametrize("label", MODELS)
def test_each_way_leaves_exactly_one_entry_with_real_values(label, action, cast):
    who, whom = Actor("user", "7", "olivia@example.com"), Actor("user", "8", "marco@example.com")
    circumstances = RequestContext(
        address="192.0.2.7",
        method="POST",
        path="/x/",
        actor=who,
        on_behalf_of=whom,
        reason="ticket 4711",
    )
    for way in ways(label, action):
        with transaction.atomic():
            case = Case(label, cast)
            given = () if action == "create" else (case.there(),)
            before = Entry.objects.count()
            with entered(circumstances):
                way(case, *given)
            (entry,) = Entry.objects.order_by("id")[before:]
            assert (entry.action, entry.target_type) == (action, label), way
            assert (entry.actor_id, entry.address) == ("7", "192.0.2.7")
            assert (entry.actor_user_id, entry.on_behalf_of_id) == (7, 8)
            assert (entry.method, entry.path, entry.reason) == ("POST", "/x/", "ticket 4711")
            assert entry.request_id == circumstances.request_id
            changed = set(entry.changes) - {"version"}  # a guard counts its versions itself
            if action == "update":
                assert changed == {case.line.field}, way
                old, new = entry.changes[case.line.field]
                assert old != new or old == "••••"
            else:
                side = {"create": 0, "delete": 1}[action]
                assert all(change[side] is None for change in entry.changes.values())
                assert set(case.values) <= changed | {"system_prompt"}
            transaction.set_rollback(True)


@pytest.mark.parametrize("label", [label for label in MODELS if label not in THIRD_PARTY])
def test_bulk_writes_name_team_and_target_as_single_ones_do(label, cast):
    case = Case(label, cast)
    row = case.there()
    created = Entry.objects.latest("id")
    case.rows(row).update(**case.change)
    row.refresh_from_db()
    updated = Entry.objects.latest("id")
    case.rows(row)._raw_delete(case.rows(row).db)
    deleted = Entry.objects.latest("id")
    assert [entry.action for entry in (created, updated, deleted)] == ["create", "update", "delete"]
    for entry in (updated, deleted):
        assert entry.target_label == created.target_label
        assert entry.target_id == created.target_id
        assert entry.team_id == getattr(row, "team_id", None)


@pytest.mark.parametrize("label", MODELS)
def test_a_save_without_a_change_leaves_no_entry(label, cast):
    row = Case(label, cast).there()
    before = Entry.objects.count()
    row.save()
    type(row)._default_manager.get(pk=row.pk).save()
    assert Entry.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_without_its_entry_no_change_happens_to_any_model_in_any_way(cast, monkeypatch):
    """Outside of any transaction of the caller's, so that only the recorder's own holds change and entry together."""

    def broken(*args, **kwargs):
        raise DatabaseError("disk full")

    for label in MODELS:
        case = Case(label, cast)
        row = case.there()
        stored = type(row)._default_manager.filter(pk=row.pk).values().get()
        for action in ("update", "delete"):
            for way in ways(label, action):
                with monkeypatch.context() as patch:
                    patch.setattr("audit.trail.Entry._base_manager._insert", broken)
                    with pytest.raises(Refusal) as refused:
                        way(case, type(row)._default_manager.get(pk=row.pk))
                assert refused.value.code == "audit_unavailable"
                assert case.rows(row).values().get() == stored, (label, way)
        type(row)._default_manager.get(pk=row.pk).delete()
        count = case.model._default_manager.count()
        for way in ways(label, "create"):
            with monkeypatch.context() as patch:
                patch.setattr("audit.trail.Entry._base_manager._insert", broken)
                with pytest.raises(Refusal):
                    way(case)
            assert case.model._default_manager.count() == count, (label, way)
