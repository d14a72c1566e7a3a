"""System checks of the trail."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from audit.raw_writes import unguarded
from portal.tenancy import POSTGRESQL

# What keeps the trail on PostgreSQL, by table; migrations make it.
APPEND_ONLY = {
    "audit_entry": ("audit_entry_no_change", "audit_entry_no_delete", "audit_entry_no_truncate"),
    "audit_checkpoint": ("audit_checkpoint_no_change", "audit_checkpoint_no_truncate"),
    "audit_prune": ("audit_prune_no_change", "audit_prune_no_truncate", "audit_prune_signed"),
}
ENABLED = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND t.tgenabled IN ('O', 'A') AND c.relname = ANY (%s)
"""


def _is_asked(databases: Any) -> bool:
    """In production, and not while the owner migrates, which brings the triggers."""
    is_served = not settings.DEVELOPMENT and settings.PROCESS != "owner"
    return bool(is_served and databases and connection.vendor == POSTGRESQL)


@register(Tags.database)
def check_append_only(app_configs: Any, databases: Any, **_: Any) -> list[CheckMessage]:
    """On PostgreSQL the triggers that refuse to change or delete entries, seals and ranges are there, and on."""
    if not _is_asked(databases):
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(ENABLED, [list(APPEND_ONLY)])
            found = set(cursor.fetchall())
    except DatabaseError:  # not there yet
        return []
    missing = [
        name for table, names in APPEND_ONLY.items() for name in names if (table, name) not in found
    ]
    if not missing:
        return []
    return [
        Error(
            f"The trail could be changed, these triggers are missing or off: {', '.join(missing)}.",
            hint="Find out who switched them off, verify the trail, and let the owner enable them.",
            id="audit.E002",
        )
    ]


@register(Tags.database)
def check_raw_writes(app_configs: Any, databases: Any, **_: Any) -> list[CheckMessage]:
    """On PostgreSQL no recorded table is without its triggers: SQL past the portal would leave no entry."""
    if not _is_asked(databases):
        return []
    try:
        with connection.cursor() as cursor:
            tables = unguarded(cursor)
    except DatabaseError:  # not there yet
        return []
    if not tables:
        return []
    return [
        Error(
            f"Raw SQL would change these tables without an entry in the trail: {', '.join(tables)}.",
            hint="Run manage.py migrate as the owner: it makes their triggers, and switches them on again.",
            id="audit.E001",
        )
    ]
