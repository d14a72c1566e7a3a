"""A trail that cannot be written: the database itself refuses each INSERT, by a trigger, until the block is over."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.strict import become_application

FUNCTION = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$"""
POSTGRESQL = (
    FUNCTION,
    "CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry EXECUTE FUNCTION full_disk()",
)
SQLITE = (
    "CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk full'); END",
)
MENDED = ("DROP TRIGGER full_disk ON audit_entry", "DROP FUNCTION full_disk()")


@contextmanager
def broken_trail() -> Iterator[None]:
    _run(POSTGRESQL if connection.vendor == "postgresql" else SQLITE)
    try:
        yield
    finally:
        _run(MENDED if connection.vendor == "postgresql" else ("DROP TRIGGER full_disk",))


def _run(statements: tuple[str, ...]) -> None:
    """As the owner of the table: the application's role may not."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("RESET ROLE")
        for statement in statements:
            cursor.execute(statement)
    become_application(connection)
