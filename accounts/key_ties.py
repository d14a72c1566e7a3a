"""What ties a key to the rooms above this one: the projects it is confined to, and the money it has spent.

The room that knows projects registers its `Ties`; without one, keys are tied to nothing.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import QuerySet


class Ties(Protocol):
    def choices(self, user: Any) -> list[tuple[str, str]]:
        """(slug, name) of the projects that this person could confine a key to."""

    def confine(self, key: Any, slugs: Iterable[str]) -> None:
        """Confines a new key; raises `Refusal("validation_failed")` for projects its owner does not see."""

    def joined(self, keys: QuerySet, user: Any) -> QuerySet:
        """The keys with all that the two below need, for what `user` may see of it."""

    def projects(self, key: Any) -> list[str] | None:
        """Slugs of the projects that it is confined to, as far as they are seen; None for a key that is not."""

    def reached(self, key: Any) -> frozenset[str] | None:
        """The same, asked of the database at once: for what a request by the key may see."""

    def teams(self, key: Any) -> frozenset[int | None] | None:
        """Of the projects that it is confined to, by id, None among them for one that is not in sight; None for a key
        that is not confined."""

    def spent(self, key: Any) -> Decimal:
        """USD of this month, what is reserved left out."""


class _Untied:
    def choices(self, user: Any) -> list[tuple[str, str]]:
        return []

    def confine(self, key: Any, slugs: Iterable[str]) -> None:
        raise LookupError("Nobody knows projects here.")

    def joined(self, keys: QuerySet, user: Any) -> QuerySet:
        return keys

    def projects(self, key: Any) -> list[str] | None:
        return None

    def reached(self, key: Any) -> frozenset[str] | None:
        return None

    def teams(self, key: Any) -> frozenset[int | None] | None:
        return None

    def spent(self, key: Any) -> Decimal:
        return Decimal(0)


_ties: list[Ties] = [_Untied()]


def register_ties(ties: Ties) -> None:
    _ties[:] = [ties]


def ties() -> Ties:
    return _ties[0]
