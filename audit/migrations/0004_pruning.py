"""Entries go only as pruned: inside a range of `audit_prune` that the same transaction opened, and a signed line announced.

On PostgreSQL a range counts in the transaction that wrote it; on SQLite, which numbers no transactions, while it is the
newest: the next one, which may cover nothing, closes it. That the ranges are those of the signed line is what
verification holds; whoever inserts others and deletes leaves a gap that no line covers.
"""

from django.db import migrations

KEEPS = "audit entries are append-only"
UNSIGNED = "nothing is pruned without a signed line that says so"
SAYS_SO = (
    "SELECT 1 FROM audit_checkpoint WHERE number = NEW.checkpoint AND line LIKE '%\"pruned\":[[%'"
)

SQLITE = (
    "DROP TRIGGER audit_entry_no_delete",
    f"""CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
        WHEN NOT EXISTS (SELECT 1 FROM (SELECT first_id, last_id FROM audit_prune ORDER BY id DESC LIMIT 1)
                          WHERE OLD.id BETWEEN first_id AND last_id)
        BEGIN SELECT RAISE(ABORT, '{KEEPS}'); END""",  # noqa: S608 - our own words
    f"""CREATE TRIGGER audit_prune_signed BEFORE INSERT ON audit_prune WHEN NOT EXISTS ({SAYS_SO})
        BEGIN SELECT RAISE(ABORT, '{UNSIGNED}'); END""",
)
POSTGRESQL = (
    "ALTER TABLE audit_prune ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()",
    "CREATE INDEX audit_prune_xact ON audit_prune (xact)",
    f"""CREATE FUNCTION audit_prune_signed() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF NOT EXISTS ({SAYS_SO}) THEN
                RAISE insufficient_privilege USING MESSAGE = '{UNSIGNED}';
            END IF;
            NEW.xact := pg_current_xact_id();  -- whatever was given
            RETURN NEW;
        END $$""",
    """CREATE TRIGGER audit_prune_signed BEFORE INSERT ON audit_prune
       FOR EACH ROW EXECUTE FUNCTION audit_prune_signed()""",
    f"""CREATE FUNCTION audit_entry_pruned() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM audit_prune
                        WHERE xact = pg_current_xact_id() AND OLD.id BETWEEN first_id AND last_id) THEN
                RETURN OLD;
            END IF;
            RAISE insufficient_privilege USING MESSAGE = '{KEEPS}';
        END $$""",  # noqa: S608 - our own words
    "DROP TRIGGER audit_entry_no_change ON audit_entry",
    """CREATE TRIGGER audit_entry_no_change BEFORE UPDATE ON audit_entry
       FOR EACH ROW EXECUTE FUNCTION audit_entry_append_only()""",
    """CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
       FOR EACH ROW EXECUTE FUNCTION audit_entry_pruned()""",
)


def up(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_tenancy")]
    operations = [migrations.RunPython(up, migrations.RunPython.noop, elidable=False)]
