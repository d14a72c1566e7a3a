"""Tests on PostgreSQL run as the application's role. Their own code sees everything; the requests they make do not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from portal import tenancy

ROLE = "gatehouse_application"
_resting: ContextVar[tenancy.Scope] = ContextVar("resting", default=tenancy.EVERYTHING)


def become_application(connection, **_) -> None:
    """On each connection: neither superuser nor owner, so that the policies hold.

    What one from the pool saw before it sees no more: within a request that is nothing.
    """
    if connection.vendor == tenancy.POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {ROLE}")
            cursor.execute(tenancy.SAY.format("SESSION", tenancy.resting()))


class StrictMiddleware:
    """Outermost: within a request nothing is in sight but what its own transactions say, as in a web process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _resting.set(tenancy.NOTHING)
        _say(tenancy.NOTHING)
        try:
            return self.get_response(request)
        finally:
            _resting.reset(token)
            _say(_resting.get())


def _say(scope: tenancy.Scope) -> None:
    """To a connection that is open already; a new one asks what it may see by itself."""
    if connection.connection is not None and not connection.needs_rollback:
        connection.connection.execute(tenancy.SAY.format("SESSION", scope))
        connection.gatehouse_said = scope


@contextmanager
def _unlogged() -> Iterator[None]:
    logs, connection.force_debug_cursor = connection.force_debug_cursor, False
    try:
        yield
    finally:
        connection.force_debug_cursor = logs


class _Page:
    """A page's transaction is a savepoint of the test's; who counts statements does not count it."""

    def __init__(self) -> None:
        self._atomic = transaction.atomic()

    def __enter__(self) -> None:
        with _unlogged():
            self._atomic.__enter__()

    def __exit__(self, *error: Any) -> None:
        with _unlogged():
            self._atomic.__exit__(*error)


def install() -> None:
    settings.MIDDLEWARE.insert(0, "tests.strict.StrictMiddleware")
    tenancy.resting = _resting.get
    tenancy.transaction = SimpleNamespace(atomic=_Page)
