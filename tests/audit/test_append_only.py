"""The database itself keeps the trail: whoever asks, by whatever statement, no entry changes or goes."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from audit.checks import APPEND_ONLY, check_append_only
from audit.models import Checkpoint, Entry, PrunedRange
from audit.trail import record
from portal.roles import TABLES as RIGHTS
from tests.strict import ROLE

DROP = f"RESET ROLE; DROP OWNED BY system_of_tests; DROP ROLE system_of_tests; SET ROLE {ROLE}"

STATEMENTS = {
    "sqlite": [
        "UPDATE {table} SET {column} = {value}",
        "UPDATE OR IGNORE {table} SET {column} = {value}",
        "UPDATE OR REPLACE {table} SET {key} = {key} + 1",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true"
        " ON CONFLICT ({key}) DO UPDATE SET {column} = {value}",
    ],
    "postgresql": [
        "UPDATE {table} SET {column} = {value}",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "TRUNCATE {table} CASCADE",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = {value}",
        "MERGE INTO {table} a USING {table} b ON a.{key} = b.{key} WHEN MATCHED THEN DELETE",
        "MERGE INTO {table} a USING {table} b ON a.{key} = b.{key} WHEN MATCHED THEN UPDATE SET {column} = {value}",
        "WITH gone AS (DELETE FROM {table} RETURNING {key}) SELECT * FROM gone",
    ],
}
WAYS = [(vendor, statement) for vendor, found in STATEMENTS.items() for statement in found]
TABLES = {
    "audit_entry": {"key": "id", "column": "action", "value": "'nothing'"},
    "audit_checkpoint": {"key": "number", "column": "line", "value": "'nothing'"},
    "audit_prune": {"key": "id", "column": "last_id", "value": "0"},
}
MODELS = {"audit_entry": Entry, "audit_checkpoint": Checkpoint, "audit_prune": PrunedRange}
ROLES = ("application", "system", "owner")


@pytest.fixture
def trail(db):
    """A row in each table; the range covers no entry."""
    record(action="exported", target_label="kept")
    line = '{"pruned":[[1,1]]}'
    one = Checkpoint(number=1, first_id=1, last_id=1, count=1, line=line)
    one.save(force_insert=True)
    PrunedRange.objects.create(checkpoint=1, first_id=-1, last_id=-1)


@contextmanager
def as_role(role):
    """The application's is that of all tests, and the owner is a superuser besides; the system's has its rights."""
    if connection.vendor != "postgresql" or role == "application":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        if role == "system":
            cursor.execute("CREATE ROLE system_of_tests")
            for what in (f"{RIGHTS} ON ALL TABLES", "USAGE, SELECT ON ALL SEQUENCES"):
                cursor.execute(f"GRANT {what} IN SCHEMA public TO system_of_tests")
            cursor.execute("SET ROLE system_of_tests")
        yield
        cursor.execute(f"SET ROLE {ROLE}")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", TABLES)
def test_no_statement_changes_or_removes_a_row_whoever_asks(role, table, trail):
    if connection.vendor != "postgresql" and role != "application":
        return  # a file knows no roles
    stored = list(MODELS[table].objects.values())
    assert stored
    for vendor, statement in WAYS:
        if connection.vendor != vendor:
            continue
        words = "append-only"
        if "TRUNCATE" in statement and role != "owner":
            words = "permission denied"  # which has that right on no table at all
        with as_role(role):
            with pytest.raises(DatabaseError, match=words), transaction.atomic():
                connection.cursor().execute(statement.format(table=table, **TABLES[table]))
            assert list(MODELS[table].objects.values()) == stored, statement
        if role == "system" and vendor == "postgresql":
            connection.cursor().execute(DROP)


def test_a_trigger_that_is_off_is_said_before_anything_is_served(trail, settings):
    if connection.vendor != "postgresql":
        return
    settings.DEVELOPMENT, settings.PROCESS = False, "web"
    assert check_append_only(None, databases=["default"]) == []
    for table, triggers in APPEND_ONLY.items():
        for trigger in triggers:
            with as_role("owner"), transaction.atomic():
                connection.cursor().execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
                (problem,) = check_append_only(None, databases=["default"])
                assert (problem.id, trigger in problem.msg) == ("audit.E002", True)
                transaction.set_rollback(True)


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
