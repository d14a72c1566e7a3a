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

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

POSTGRESQL = "postgresql"
_SAY = (
    "SELECT set_config('portal.teams', %s, {0}), set_config('portal.user', %s, {0}), "
    "set_config('portal.all_teams', %s, {0})"
)
SAY_IN_TRANSACTION, SAY_IN_SESSION = _SAY.format("true"), _SAY.format("false")


@dataclass(frozen=True, slots=True)
class Scope:
    """The teams by id, the person by id, or everything: platform admins, auditors and the system itself."""

    teams: frozenset[int] = field(default=frozenset())
    user: int | None = None
    everything: bool = False

    @property
    def parameters(self) -> list[str]:
        teams = ",".join(str(team) for team in sorted(self.teams))
        return [teams, str(self.user or ""), "on" if self.everything else ""]


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


@contextmanager
def tenant(scope: Scope, *, atomic: bool = False) -> Iterator[None]:
    """A short transaction in this scope. Without policies it is one only if `atomic` asks for it."""
    if connection.vendor == POSTGRESQL:
        with _said_in_transaction(scope):
            yield
    elif atomic:
        with transaction.atomic():
            yield
    else:
        yield


@contextmanager
def _said_in_transaction(scope: Scope) -> Iterator[None]:
    """Within another transaction its scope holds again afterwards; a rollback restores it by itself."""
    is_inner, outer = connection.in_atomic_block, _said()
    try:
        with transaction.atomic():
            _say(scope)
            yield
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


def _say(scope: Scope) -> None:
    """By psycopg itself: it is part of the transaction's beginning, and on the hot path."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        connection.connection.execute(SAY_IN_TRANSACTION, scope.parameters)
    connection.gatehouse_said = scope  # type: ignore[attr-defined]


def _said() -> Scope:
    return getattr(connection, "gatehouse_said", None) or resting()


def resting() -> Scope:
    """What a connection of this process may touch outside of any `tenant`."""
    return NOTHING if settings.PROCESS == "web" else EVERYTHING


def say_for_session(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """On each new connection: a web process' sees nothing, the system's everything."""
    if connection.vendor == POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(SAY_IN_SESSION, resting().parameters)


def own_transactions(view: Any) -> Any:
    """Marks a view that opens its transactions itself: the journey's doors, and pages that wait for others."""
    view.own_transactions = True
    return view
