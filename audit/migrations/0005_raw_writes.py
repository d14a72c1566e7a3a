"""Which transaction wrote an entry: what the triggers of `audit.raw_writes` look for. On PostgreSQL alone.

It is no field of the model: nobody writes it, and whoever reads the trail has no use for it.
"""

from django.db import migrations

UP = (
    "ALTER TABLE audit_entry ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()",
    # Without it each row of a bulk write would look through the entries of its kind: 150 times as long at a million.
    "CREATE INDEX audit_entry_xact ON audit_entry (xact, target_id)",
)
DOWN = ("ALTER TABLE audit_entry DROP COLUMN xact",)


def up(apps, schema_editor):
    _run(schema_editor, UP)


def down(apps, schema_editor):
    _run(schema_editor, DOWN)


def _run(schema_editor, statements):
    if schema_editor.connection.vendor == "postgresql":
        for statement in statements:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_pruning")]
    operations = [migrations.RunPython(up, down, elidable=False)]
