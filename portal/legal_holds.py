"""What is under a legal hold: whatever would remove something asks here. The room that knows teams registers who says so.

Whoever removes takes part in `settled`, which holds against those that are placed at the same moment: either the removal
came first, or it sees the hold.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.errors import Refusal

POSTGRESQL = "postgresql"
LOCK = 0x67_68_6F_6C_64  # of PostgreSQL's advisory locks, the one of this module


@dataclass(frozen=True, slots=True)
class Held:
    """Teams and people by id."""

    teams: frozenset[int] = field(default=frozenset())
    people: frozenset[int] = field(default=frozenset())

    def __bool__(self) -> bool:
        return bool(self.teams or self.people)

    def rows(self, *, teams: Iterable[str] = (), people: Iterable[str] = ()) -> Q:
        """The rows which one of these columns names somebody or a team held in."""
        found = Q(pk__in=[])
        if self.teams:
            for column in teams:
                found |= Q(**{f"{column}__in": self.teams})
        if self.people:
            for column in people:
                found |= Q(**{f"{column}__in": self.people})
        return found


NOBODY = Held()
_finders: list[Callable[[], Held]] = []
_reaches: list[Callable[[str, Held], bool]] = []
_is_cleared: ContextVar[bool] = ContextVar("gatehouse_is_cleared", default=False)


def register_holds(finder: Callable[[], Held]) -> None:
    _finders[:] = [finder]


def register_reach(reach: Callable[[str, Held], bool]) -> None:
    """`reach(owner, held)` says whether something that is held is under the data key of this owner."""
    _reaches.append(reach)


def held() -> Held:
    """Everybody and every team under a hold now."""
    return _finders[0]() if _finders else NOBODY


def settled() -> Held:
    """The same, in a transaction that removes: nobody places a hold until it has ended."""
    _lock("pg_advisory_xact_lock_shared")
    return held()


def about_to_change() -> None:
    """In the transaction that places or lifts one: those that remove have ended. On SQLite one writes at a time."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    if connection.vendor == POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [LOCK])


def refuse() -> None:
    """Raises `Refusal("conflict")`, which does not say why: whom a hold is about need not learn of it."""
    words = _("This cannot be deleted at present. The platform's administrators know more.")
    raise Refusal("conflict", words)


def refuse_if_held(*, teams: Iterable[Any] = (), people: Iterable[Any] = ()) -> Held:
    """Refuses where one of them is held; returns what is."""
    found = settled()
    if found.teams.intersection(teams) or found.people.intersection(people):
        refuse()
    return found


def refuse_if_owner_held(owner: str) -> None:
    """Before a data key is destroyed, and with it all that is under it."""
    found = settled()
    if found and any(reach(owner, found) for reach in _reaches):
        refuse()


@contextmanager
def cleared() -> Iterator[None]:
    """What is removed here was asked about: rows are not asked one by one again."""
    token = _is_cleared.set(True)
    try:
        yield
    finally:
        _is_cleared.reset(token)


def is_cleared() -> bool:
    return _is_cleared.get()
