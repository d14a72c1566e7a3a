"""SQL past the recorder, on PostgreSQL: a trigger writes the entry, once, and none beside the recorder's."""

import pytest
from django.db import connection

from audit.models import Entry
from portal.tenancy import POSTGRESQL
from tests.audit.test_matrix import BULK, MODELS, SIGNALLED, Case, ways
from tests.audit.matrix import THIRD_PARTY
from tests.cast import build_cast


@pytest.fixture
def on_postgresql():
    return connection.vendor == POSTGRESQL


def newest(count):
    return list(Entry.objects.order_by("-id")[:count])


@pytest.mark.django_db(transaction=True)
def test_each_way_of_the_orm_leaves_one_entry_once_it_is_committed():
    """The third party's bulk writes too, which the recorder does not see and the trigger does."""
    cast = build_cast()
    assert not Entry.objects.filter(actor_kind="database").exists()
    for label in MODELS:
        case = Case(label, cast)
        made = {name: value for name, value in case.values.items() if name != "system_prompt"}
        for action in ("create", "update", "delete"):
            for way in SIGNALLED[action] + BULK[action]:
                given = () if action == "create" else (case.there(),)
                last = Entry.objects.latest("id").pk
                way(case, *given)
                found = Entry.objects.filter(pk__gt=last, target_type=label)
                assert [entry.action for entry in found] == [action], (label, way, found)
                by_database = label in THIRD_PARTY and way in BULK[action]
                assert (found[0].actor_kind == "database") == by_database
                rows = case.rows(given[0]) if given else case.model._base_manager.filter(**made)
                rows.delete()
