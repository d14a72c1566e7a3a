"""The database itself keeps the trail: whoever asks, by whatever statement, no entry changes or goes."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Entry
from audit.trail import record

STATEMENTS = {
    "sqlite": [
        "UPDATE audit_entry SET action = 'nothing'",
        "UPDATE OR IGNORE audit_entry SET action = 'nothing'",
        "UPDATE OR REPLACE audit_entry SET id = id + 1",
        "DELETE FROM audit_entry",
        "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
        "REPLACE INTO audit_entry SELECT * FROM audit_entry",
        "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE true"
        " ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
    ],
    "postgresql": [
        "UPDATE audit_entry SET action = 'nothing'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "INSERT INTO audit_entry SELECT * FROM audit_entry"
        " ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
        "MERGE INTO audit_entry a USING audit_entry b ON a.id = b.id WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM audit_entry RETURNING id) SELECT * FROM gone",
    ],
}
WAYS = [(vendor, statement) for vendor, found in STATEMENTS.items() for statement in found]


@pytest.mark.django_db
@pytest.mark.parametrize(("vendor", "statement"), WAYS)
def test_no_statement_changes_or_removes_an_entry(vendor, statement):
    if connection.vendor != vendor:
        return
    record(action="exported", target_label="kept")
    stored = list(Entry.objects.values())
    # TRUNCATE is what the application's role may do to no table at all.
    with (
        pytest.raises(DatabaseError, match=r"append-only|permission denied"),
        transaction.atomic(),
    ):
        connection.cursor().execute(statement)
    assert list(Entry.objects.values()) == stored


@pytest.mark.django_db
def test_the_portals_own_code_cannot_either():
    record(action="exported")
    entry = Entry.objects.get()
    entry.action = "nothing"
    for way in (
        entry.save,
        entry.delete,
        Entry.objects.all().delete,
        lambda: Entry.objects.update(action="nothing"),
        lambda: Entry.objects.bulk_update([entry], ["action"]),
        lambda: Entry.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            way()
    assert Entry.objects.get().action == "exported"


@pytest.mark.django_db
def test_ids_ascend_and_are_never_used_again():
    record(action="first")
    with transaction.atomic():
        record(action="rolled back")
        transaction.set_rollback(True)
    record(action="second")
    assert list(Entry.objects.order_by("id").values_list("action", flat=True)) == [
        "first",
        "second",
    ]
