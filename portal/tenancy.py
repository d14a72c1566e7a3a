"""Whose rows the running code may touch, said to PostgreSQL before each short transaction.

The policies (`portal/row_security.py`) show a row only where the transaction's settings name its team or person; without
them there are no rows. A web process says them with `tenant(scope)`: pages get it from `teams.middleware`, the doors of
the journey open short transactions of their own. Commands and the worker, which act for the whole portal, say so once a
connection. Settings of a web process never outlive their transaction, so nothing leaks through the pool.

On SQLite, which knows no policies, the same code runs and says nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import ExecStatus, TransactionStatus

POSTGRESQL = "postgresql"
SAY = (
    "SET {0} portal.teams = '{1.team_list}'; SET {0} portal.\"user\" = '{1.user_text}'; "
    "SET {0} portal.all_teams = '{1.everything_text}'; "
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The teams by id, the person by id, or everything: platform admins, auditors and the system itself."""

    teams: frozenset[int] = field(default=frozenset())
    user: int | None = None
    everything: bool = False

    @property
    def team_list(self) -> str:
        return ",".join(f"{team:d}" for team in sorted(self.teams))

    @property
    def user_text(self) -> str:
        return f"{self.user:d}" if self.user else ""

    @property
    def everything_text(self) -> str:
        return "on" if self.everything else ""


NOTHING = Scope()
EVERYTHING = Scope(everything=True)


class Page(ExitStack):
    """A request, and the transaction that begins once it is known whose it is."""

    has_transaction = False


_page: ContextVar[Page | None] = ContextVar("gatehouse_page", default=None)
_finders: list[Callable[[Any], Scope]] = []


def register_scopes(finder: Callable[[Any], Scope]) -> None:
    """`finder(user)` answers a signed-in person's scope; the room that knows teams registers it."""
    _finders[:] = [finder]


def scope_of(user: Any) -> Scope:
    """What this person's requests may touch. Where there are no policies nobody asks."""
    if connection.vendor != POSTGRESQL or not _finders:
        return NOTHING
    return _finders[0](user)


class Deed:
    """A tenant's transaction under way, and the statements that it ends with."""

    def __init__(self) -> None:
        self._last: list[tuple[str, list[Any]]] = []

    def end_with(self, sql: str, params: list[Any]) -> None:
        """They go to PostgreSQL in one message with COMMIT: rows they lock are not held while anybody waits."""
        self._last.append((sql, params))

    def finish(self, *, commit: bool = False) -> None:
        if not self._last or connection.needs_rollback:
            return
        with connection.cursor() as cursor:
            if connection.vendor != POSTGRESQL:
                for sql, params in self._last:
                    cursor.execute(sql, params)
                return
            statements = [sql for sql, _params in self._last] + (["COMMIT"] if commit else [])
            params = [param for _sql, params in self._last for param in params]
            cursor.execute("; ".join(statements), params)


@contextmanager
def tenant(scope: Scope, *, atomic: bool = False) -> Iterator[Deed]:
    """A short transaction in this scope. Without policies it is one only if `atomic` asks for it."""
    deed = Deed()
    if connection.vendor == POSTGRESQL:
        with _said_in_transaction(scope, deed):
            yield deed
    elif atomic:
        with transaction.atomic():
            yield deed
            deed.finish()
    else:
        yield deed
        deed.finish()


def alone(scope: Scope, sql: str, params: list[Any]) -> Any:
    """The first row of one statement, which is a transaction of its own in this scope; one message to PostgreSQL."""
    if connection.in_atomic_block:
        with tenant(scope), connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchone()
    with connection.cursor() as cursor:
        cursor.execute(f"{_words(scope)}{sql}", params)
        while cursor.nextset():
            continue
        return cursor.fetchone()


@contextmanager
def _said_in_transaction(scope: Scope, deed: Deed) -> Iterator[None]:
    """Within another transaction its scope holds again afterwards; a rollback restores it by itself."""
    is_inner, outer = connection.in_atomic_block, _said()
    try:
        with transaction.atomic():
            _say(scope)
            yield
            deed.finish(commit=not is_inner)
            if is_inner and not connection.needs_rollback:
                _say(outer)
    finally:
        connection.gatehouse_said = outer  # type: ignore[attr-defined]


@contextmanager
def page() -> Iterator[Page]:
    """A request from its beginning to its end; `adopt` opens its transaction."""
    with Page() as stack:
        token = _page.set(None)
        stack.callback(_page.reset, token)
        yield stack


def await_caller(stack: Page) -> None:
    """The view may run in a transaction of this page, as soon as `adopt` names its caller."""
    _page.set(stack)


def adopt(user: Any) -> None:
    """The running request turned out to be this person's. Views with transactions of their own open them later."""
    stack = _page.get()
    if stack is not None:
        _page.set(None)
        stack.enter_context(tenant(scope_of(user)))
        stack.has_transaction = True


def _words(scope: Scope) -> str:
    """What goes before a transaction's first statement. There is nothing but numbers in it."""
    return SAY.format("LOCAL", scope)


def _say(scope: Scope) -> None:
    """In one message with the transaction's beginning, below Django and psycopg: it is on the hot path."""
    connection.ensure_connection()
    server = connection.connection.pgconn
    begins = "BEGIN; " if server.transaction_status == TransactionStatus.IDLE else ""
    with connection.wrap_database_errors:
        result = server.exec_(f"{begins}{_words(scope)}".encode())
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
    connection.gatehouse_said = scope  # type: ignore[attr-defined]


def _said() -> Scope:
    return getattr(connection, "gatehouse_said", None) or resting()


def resting() -> Scope:
    """What a connection of this process may touch outside of any `tenant`."""
    return NOTHING if settings.PROCESS == "web" else EVERYTHING


def say_for_session(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """On each new connection: the system's sees everything. A web process says nothing, and so sees nothing."""
    if connection.vendor == POSTGRESQL and resting() != NOTHING:
        with connection.cursor() as cursor:
            cursor.execute(SAY.format("SESSION", resting()))


def own_transactions(view: Any) -> Any:
    """Marks a view that opens its transactions itself: the journey's doors, and pages that wait for others."""
    view.own_transactions = True
    return view
