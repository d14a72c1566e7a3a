"""Rows that stay where they are: in their team, project or conversation, and behind when their team is deleted."""

from typing import Any

from django.db import IntegrityError, connection, connections, migrations, models
from django.utils.translation import gettext as _

from portal.errors import Refusal

POSTGRESQL = "postgresql"
STAYS = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.{column} IS DISTINCT FROM OLD.{column} AND NEW.{column} IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'row-level security: a row of {table} keeps its {column}';
    END IF;
    RETURN NEW;
END $$
"""
EMPTIED = """
DO $$ DECLARE old text; BEGIN
    SELECT conname INTO STRICT old FROM pg_constraint
     WHERE conrelid = '{table}'::regclass AND confrelid = '{owner}'::regclass AND contype = 'f'
       AND conkey = ARRAY[(SELECT attnum FROM pg_attribute
                            WHERE attrelid = '{table}'::regclass AND attname = '{column}')];
    EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', old);
    EXECUTE format('ALTER TABLE {table} ADD CONSTRAINT %I FOREIGN KEY ({column}) REFERENCES {owner} (id) '
                   'ON DELETE {action} DEFERRABLE INITIALLY DEFERRED', old);
END $$
"""


def left_behind(collector: Any, field: models.Field, rows: Any, using: str) -> None:
    """SET_NULL. On PostgreSQL the database does it (`LeftBehind`): who deletes sees none of the rows afterwards.

    A policy lets nobody write what they could not see, and a row of no team is its person's alone.
    """
    if connections[using].vendor != POSTGRESQL:
        models.SET_NULL(collector, field, rows, using)


left_behind.lazy_sub_objs = True  # type: ignore[attr-defined]


def lock(row: models.Model) -> None:
    """Of two deeds on a row at once the second waits, and sees what the first did; `not_found` where that deleted it.

    Rows that point there are written meanwhile: exchanges that are being closed hold locks which the deed needs.
    """
    rows = type(row)._base_manager.select_for_update(of=("self",), no_key=True)
    if not list(rows.filter(pk=row.pk).values_list("pk")):
        raise Refusal("not_found")


def nothing_came_meanwhile() -> None:
    """After a deletion: raises `Refusal("conflict")` where a row that points there was added while it ran.

    On PostgreSQL foreign keys are asked when a transaction ends, where nobody could say so any more. On others one writes at a time.
    """
    if connection.vendor != POSTGRESQL:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        words = _("Something was added while this was deleted. Nothing happened; try again.")
        raise Refusal("conflict", words) from error


class Stays(migrations.RunSQL):
    """A trigger: a row's column may be emptied, and never name another. A policy sees the new row, not the old one.

    On other databases it does nothing.
    """

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column = table, column
        super().__init__(migrations.RunSQL.noop, migrations.RunSQL.noop)

    def deconstruct(self) -> Any:
        return self.__class__.__name__, [self.table, self.column], {}

    @property
    def name(self) -> str:
        return f"{self.table}_{self.column}_stays"

    def database_forwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == POSTGRESQL:
            names = {"name": self.name, "table": self.table, "column": self.column}
            schema_editor.execute(STAYS.format(**names))
            schema_editor.execute(
                "CREATE TRIGGER {name} BEFORE UPDATE OF {column} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION {name}()".format(**names)
            )

    def database_backwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == POSTGRESQL:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}")
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {self.name}()")


class LeftBehind(migrations.RunSQL):
    """The foreign key empties the column itself when what it names is deleted; policies do not hold for that.

    It goes with `on_delete=left_behind`. On other databases it does nothing.
    """

    def __init__(self, table: str, column: str, owner: str) -> None:
        self.table, self.column, self.owner = table, column, owner
        super().__init__(migrations.RunSQL.noop, migrations.RunSQL.noop)

    def deconstruct(self) -> Any:
        return self.__class__.__name__, [self.table, self.column, self.owner], {}

    def database_forwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._replace(schema_editor, "SET NULL")

    def database_backwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._replace(schema_editor, "NO ACTION")

    def _replace(self, schema_editor: Any, action: str) -> None:
        """Last of all in its migration, where Django makes its foreign keys too."""
        if schema_editor.connection.vendor == POSTGRESQL:
            names = {"table": self.table, "column": self.column, "owner": self.owner}
            schema_editor.deferred_sql.append(EMPTIED.format(**names, action=action))
