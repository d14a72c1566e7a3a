"""What all tests share. A test that needs a server which is not there is left out loudly; with CI=true it fails."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.signals import connection_created
from playwright.sync_api import Browser, sync_playwright

from accounts import key_use
from audit.strangers import strangers
from portal import address_lists, keyring, platform_settings, recording, tenancy
from tests import strict
from tests.cast import Cast, build_cast
from tests.chromium import ARGUMENTS
from tests.chromium import program as chromium_program
from tests.model_server import model_server, running_model_server  # noqa: F401
from tests.servers import redis_program, redis_server_process
from tests.strict import become_application

# A machine under load is slow, and no test is about seconds.
hypothesis.settings.register_profile("gatehouse", deadline=None)
hypothesis.settings.load_profile("gatehouse")


def leave_out(reason: str) -> None:
    """Skips the running test and says so at the end; with CI=true a left-out test is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"left out in CI: {reason}")
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter) -> None:
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"LEFT OUT: {reason}", yellow=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """On PostgreSQL the tests go on as the application's role, once the tables are there."""
    if connection.vendor != tenancy.POSTGRESQL:
        yield
        return
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            for what in (
                "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES",
                "USAGE, SELECT ON ALL SEQUENCES",
                "EXECUTE ON ALL FUNCTIONS",
            ):
                cursor.execute(f"GRANT {what} IN SCHEMA public TO {strict.ROLE}")
        connection_created.connect(become_application, dispatch_uid="tests")
        strict.install()
        connection.close()
    yield
    connection_created.disconnect(dispatch_uid="tests")  # who removes the database owns it
    connection.close()


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """Argon2 is slow on purpose; the tests of passwords put it back."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def forget_caches(request, monkeypatch) -> None:
    """No test sees another's caches. Where the test's transaction never commits, listeners hear at once."""
    cache.clear()
    for listener in recording._listeners:
        listener("tests")
    keyring.forget()
    key_use.known.forget()
    strangers.forget()
    # No address rules, as of now; whoever makes one in a test is heard.
    address_lists.rules.hold((), seconds=3600)
    # Nothing is set in the console either.
    platform_settings.stored.hold({}, seconds=3600)
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")):
        monkeypatch.setattr(recording, "after_commit", lambda tell: tell())


@pytest.fixture
def cast(db) -> Cast:
    return build_cast()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory) -> Iterator[str]:
    """The URL of a real Redis."""
    try:
        redis_program()
    except FileNotFoundError as error:
        leave_out(str(error))
    with redis_server_process(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The labelled guard data, where the environment names it (decision 27)."""
    named = os.environ.get("PORTAL_EVAL_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("PORTAL_EVAL_DATA does not name the labelled guard data")
    return Path(named)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that Playwright can drive."""
    found = chromium_program()
    if found is None:
        leave_out("Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The one browser of this process, for all that looks at pages."""
    # Playwright's loop runs in this thread; the tests' own queries are not asynchronous for that.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


# What the database itself keeps from being changed.
TRAIL = {"audit_entry", "audit_checkpoint", "audit_prune"}
_flush = BaseDatabaseOperations.execute_sql_flush


def _flush_past_the_triggers(self, sql_list) -> None:
    """Between transactional tests the trail is emptied too: as the table's owner, its triggers set aside."""
    connection = self.connection
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("RESET ROLE")
            cursor.execute("SET session_replication_role = replica")
            _flush(self, sql_list)
            cursor.execute("RESET session_replication_role")
            become_application(connection)
            return
        cursor.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'")
        triggers = [(name, sql) for name, sql, table in cursor.fetchall() if table in TRAIL]
        for name, _sql in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        _flush(self, sql_list)
        for _name, sql in triggers:
            cursor.execute(sql)


BaseDatabaseOperations.execute_sql_flush = _flush_past_the_triggers
