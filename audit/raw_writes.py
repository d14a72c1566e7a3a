"""Raw SQL on PostgreSQL: what changes a recorded row without the recorder leaves an entry too, written by a trigger.

Each recorded table has three. Two are deferred to the end of the transaction, when the recorder's entries are there: they
look for the one of their row, and write it where there is none. The third refuses TRUNCATE. They are made after every
`migrate`, from the same tables that the recorder goes by (`portal.classification`), so a new model or column needs no
migration of theirs. On other databases there is nothing of this: raw SQL is not recorded there.
"""

import json
from functools import partial
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from audit.changes import recorded_fields
from audit.raw_functions import FUNCTIONS, LINK, REFUSE, WRITE, body, creating
from audit.rows import places_of
from portal.classification import PUBLIC, class_of, is_recorded
from portal.encryption import EncryptedTextField
from portal.tenancy import POSTGRESQL

ROWS, COLUMNS, TRUNCATE = "audit_raw_rows", "audit_raw_columns", "audit_no_truncate"
EXACT = (
    models.BooleanField,
    models.IntegerField,
    models.CharField,
    models.TextField,
    models.JSONField,
    models.DateField,
    models.UUIDField,
)

TRIGGERS = """
SELECT c.relname, t.tgname, p.proname, t.tgenabled IN ('O', 'A'), t.tgdeferrable AND t.tginitdeferred, t.tgqual IS NOT NULL,
       replace(encode(t.tgargs, 'escape'), '\\000', '')
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE n.nspname = current_schema() AND NOT t.tgisinternal AND t.tgname = ANY (%s)
"""
SOURCES = """
SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = current_schema() AND p.prosecdef AND p.proname = ANY (%s)
"""
PLACES = """
SELECT c.relname, bool_or(a.attname = 'xact') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') GROUP BY c.relname
"""

Trigger = tuple[
    str, bool, bool, bool, str
]  # function, enabled, deferred, has a condition, arguments


def recorded_tables() -> dict[str, type[models.Model]]:
    """Of every recorded model, and the many-to-many tables without a model that have such a side."""
    found = apps.get_models(include_auto_created=True)
    return {
        model._meta.db_table: model
        for model in found
        if (
            any(map(is_recorded, _sides(model))) if model._meta.auto_created else is_recorded(model)
        )
    }


def _sides(through: type[models.Model]) -> list[type[models.Model]]:
    return [field.related_model for field in through._meta.concrete_fields if field.is_relation]


def _link(through: type[models.Model]) -> dict[str, Any]:
    """The two sides of a many-to-many table; the first one is recorded."""
    field = next(
        found
        for found in through._meta.auto_created._meta.many_to_many
        if found.remote_field.through is through
    )
    names = (field.name, field.remote_field.get_accessor_name() or "")
    columns = (field.m2m_column_name(), field.m2m_reverse_name())
    pair = zip((field.model, field.related_model), columns, names, strict=True)
    sides = sorted(pair, key=lambda side: not is_recorded(side[0]))
    return {
        "name": sides[0][0]._meta.model_name,
        "sides": [[model._meta.label, column, name] for model, column, name in sides],
    }


def specification(model: type[models.Model]) -> dict[str, Any]:
    """What the trigger has to know of a table. A column that is in none of it is recorded as a mask, by its own name."""
    if model._meta.auto_created:
        return _link(model)
    fields = {field.column: [field.name, _kind(field)] for field in recorded_fields(model)}
    label, team, person = places_of(model)
    found: dict[str, Any] = {
        "type": model._meta.label,
        "name": model._meta.model_name,
        "key": model._meta.pk.column,
        "label": _column(model, label),
        "team": _column(model, team),
        "subject": _column(model, person),
        "fields": fields,
        "skipped": sorted({field.column for field in model._meta.concrete_fields} - set(fields)),
    }
    owner, _dots, rest = team.partition("__")
    if rest:
        field = model._meta.get_field(owner)
        parent = field.related_model._meta
        found["team_of"] = [field.column, parent.db_table, parent.pk.column]
    return found


def _kind(field: models.Field) -> str:
    """exact, number and time are compared with what the recorder wrote; shown is not; the others are hidden."""
    if isinstance(field, EncryptedTextField):
        return "sealed"
    if class_of(field) != PUBLIC or isinstance(field, models.BinaryField):
        return "masked"
    while field.is_relation:
        field = field.target_field
    if isinstance(field, models.DateTimeField):
        return "time"
    if isinstance(field, models.DecimalField):
        return "number"
    return "exact" if isinstance(field, EXACT) else "shown"


def _column(model: type[models.Model], path: str) -> str:
    """Of a field or attribute of the row itself; of no other."""
    if path == "pk":
        return str(model._meta.pk.column)
    return next(
        (
            str(field.column)
            for field in model._meta.concrete_fields
            if path and path in (field.name, field.attname)
        ),
        "",
    )


def _wanted(model: type[models.Model]) -> dict[str, Trigger]:
    said = json.dumps(specification(model), sort_keys=True)
    function = LINK if model._meta.auto_created else WRITE
    return {
        ROWS: (function, True, True, False, said),
        COLUMNS: (function, True, True, True, said),
        TRUNCATE: (REFUSE, True, False, False, ""),
    }


def _creating(table: str, model: type[models.Model], quote: Any) -> list[str]:
    """The condition names no column: one that is named could not change its type any more."""
    spec = specification(model)
    said = quote([json.dumps(spec, sort_keys=True)])
    sides = ["OLD.*", "NEW.*"]
    function = LINK if model._meta.auto_created else WRITE
    if spec.get("skipped"):
        names = quote(["{" + ",".join(spec["skipped"]) + "}"])
        sides = [f"to_jsonb({side}) - {names}::text[]" for side in sides]
    return [
        f'CREATE CONSTRAINT TRIGGER {ROWS} AFTER INSERT OR DELETE ON "{table}" '
        f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {function}({said})",
        f'CREATE CONSTRAINT TRIGGER {COLUMNS} AFTER UPDATE ON "{table}" '
        f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({sides[0]} IS DISTINCT FROM {sides[1]}) "
        f"EXECUTE FUNCTION {function}({said})",
        f'CREATE TRIGGER {TRUNCATE} BEFORE TRUNCATE ON "{table}" '
        f"FOR EACH STATEMENT EXECUTE FUNCTION {REFUSE}()",
    ]


def _present(cursor: Any) -> dict[str, dict[str, Trigger]]:
    cursor.execute(TRIGGERS, [[ROWS, COLUMNS, TRUNCATE]])
    found: dict[str, dict[str, Trigger]] = {}
    for table, name, *rest in cursor.fetchall():
        found.setdefault(table, {})[name] = tuple(rest)
    return found


def _stale_functions(cursor: Any) -> list[str]:
    cursor.execute(SOURCES, [list(FUNCTIONS)])
    sources = dict(cursor.fetchall())
    return [name for name in FUNCTIONS if sources.get(name) != body(name)]


def _tables(cursor: Any) -> set[str]:
    """Those that are there; none where the trail does not say yet which transaction wrote an entry."""
    cursor.execute(PLACES)
    found = dict(cursor.fetchall())
    return set(found) if found.get("audit_entry") else set()


def unguarded(cursor: Any) -> list[str]:
    """Recorded tables whose triggers are missing, switched off, or not those that the tables of today need."""
    present, there = _present(cursor), _tables(cursor)
    models_by_table = {name: model for name, model in recorded_tables().items() if name in there}
    if models_by_table and _stale_functions(cursor):
        return sorted(models_by_table)
    return sorted(
        table for table, model in models_by_table.items() if present.get(table) != _wanted(model)
    )


def refresh(*, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """After `migrate`, as the tables' owner: triggers where they are missing or old, and none where nothing is recorded.

    Where all is as it should be it writes nothing.
    """
    connection = connections[using]
    if connection.vendor != POSTGRESQL:
        return
    quote = partial(connection.ops.compose_sql, "%s")
    with transaction.atomic(using=using), connection.cursor() as cursor:
        there, recorded = _tables(cursor), recorded_tables()
        if there:
            for name in _stale_functions(cursor):
                for statement in creating(name):
                    cursor.execute(statement)
        for table, names in _present(cursor).items():
            if table not in recorded or names != _wanted(recorded[table]):
                for name in names:
                    cursor.execute(f'DROP TRIGGER {name} ON "{table}"')
        left = _present(cursor)
        for table in sorted(there & set(recorded) - set(left)):
            for statement in _creating(table, recorded[table], quote):
                cursor.execute(statement)
