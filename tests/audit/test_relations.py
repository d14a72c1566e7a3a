"""Every many-to-many relation × every way to change it, from both sides: one entry a row, and none where nothing changes."""

import pytest
from django.apps import apps

from audit.models import Entry
from portal.classification import is_recorded
from portal.context import Actor, RequestContext, entered
from tests.audit.matrix import LINES

FIELDS = {
    f"{model._meta.label}.{field.name}": field
    for model in apps.get_models()
    for field in model._meta.local_many_to_many
    if is_recorded(model) or is_recorded(field.related_model)
}
SIDES = [
    (name, side)
    for name, field in sorted(FIELDS.items())
    for side in ("forward", "backward")
    if side == "forward" or not field.remote_field.hidden
]


def add(manager, other, defaults):
    manager.add(other, through_defaults=defaults)


def put(manager, other, defaults):
    manager.set([other], through_defaults=defaults)


def remove(manager, other, defaults):
    manager.remove(other)


def empty(manager, other, defaults):
    manager.set([])


def clear(manager, other, defaults):
    manager.clear()


@pytest.fixture(params=SIDES, ids=str)
def tie(request, cast):
    """The manager of one side, what it is to be tied to, and what the row between them holds besides."""
    name, side = request.param
    field = FIELDS[name]
    through = field.remote_field.through
    values = LINES[through._meta.label].values(cast)
    here, there = values.pop(field.m2m_field_name()), values.pop(field.m2m_reverse_field_name())
    attribute = field.name
    if side == "backward":
        here, there, attribute = there, here, field.remote_field.get_accessor_name()
    return through, here, attribute, there, values


def written(deed, through):
    before = Entry.objects.latest("pk").pk
    with entered(RequestContext(actor=Actor("user", "7", "olivia@example.com"))):
        deed()
    found = Entry.objects.filter(pk__gt=before)
    assert {entry.actor_id for entry in found} <= {"7"}
    return sorted((entry.action, entry.target_type) for entry in found)


def test_there_is_no_table_between_that_nobody_records():
    assert FIELDS
    for field in FIELDS.values():
        assert not field.remote_field.through._meta.auto_created
        assert is_recorded(field.remote_field.through)


@pytest.mark.parametrize("way", [add, put])
def test_who_is_added_leaves_one_entry_and_a_second_time_none(tie, way):
    through, here, attribute, there, defaults = tie
    getattr(here, attribute).clear()
    deed = lambda: way(getattr(here, attribute), there, defaults)  # noqa: E731
    assert written(deed, through) == [("create", through._meta.label)]
    assert written(deed, through) == []
    assert list(getattr(here, attribute).all()) == [there]


@pytest.mark.parametrize("way", [remove, empty, clear])
def test_who_is_taken_away_leaves_one_entry_and_a_second_time_none(tie, way):
    through, here, attribute, there, defaults = tie
    getattr(here, attribute).clear()
    getattr(here, attribute).add(there, through_defaults=defaults)
    deed = lambda: way(getattr(here, attribute), there, defaults)  # noqa: E731
    assert written(deed, through) == [("delete", through._meta.label)]
    assert written(deed, through) == []
