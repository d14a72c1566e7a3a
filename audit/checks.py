"""System checks of the trail."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from audit.raw_writes import unguarded
from portal.tenancy import POSTGRESQL


@register(Tags.database)
def check_raw_writes(app_configs: Any, databases: Any, **_: Any) -> list[CheckMessage]:
    """On PostgreSQL no recorded table is without its triggers: SQL past the portal would leave no entry."""
    is_migrating = settings.PROCESS == "owner"  # which brings them
    if settings.DEVELOPMENT or is_migrating or not databases or connection.vendor != POSTGRESQL:
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
