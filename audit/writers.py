"""Who is writing to the trail at a moment: ids are given out before their transactions commit.

On PostgreSQL a lower id may appear after a higher one was read. Whoever inserts holds a lock on the table before the id
is given out, and until after what was written can be seen: so a missing id below one that was read belongs to one of the
writers of that moment, or to nobody. On SQLite there is one writer, and nothing is late.
"""

from django.db import connections

from audit.models import Entry
from portal.tenancy import POSTGRESQL

LOCKS = """
SELECT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND relation = %s::regclass
"""


def writers() -> frozenset[str]:
    """The transactions beside this one that may have been given ids, by names that no later one has."""
    connection = connections[Entry.objects.db]
    if connection.vendor != POSTGRESQL:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(LOCKS, [Entry._meta.db_table])
        return frozenset(name for (name,) in cursor.fetchall())
