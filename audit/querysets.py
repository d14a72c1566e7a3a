"""Which entries a person may see. Higher rooms know the teams; here they are numbers, so that each way in is an index."""

from collections.abc import Iterable
from typing import Any, Protocol, Self

from django.http import HttpRequest

from portal.recording import RecordedQuerySet


class Teams(Protocol):
    """What the room that knows teams registers."""

    def readable(self, user: Any) -> Iterable[int]:
        """The teams whose trail this person may read, by id: those that they administer in a role which may."""

    def offered(self, user: Any) -> list[tuple[str, str]]:
        """(slug, name) of the teams that a reader may narrow the trail to."""

    def named(self, user: Any, text: str) -> int | None:
        """The id of a team that this person may see, by its slug or id."""

    def link(self, user: Any, team_id: int) -> tuple[str, str]:
        """(name, slug) of a team that this person may see; empty where it is not, or no more."""


_teams: list[Teams] = []


def register_teams(teams: Teams) -> None:
    _teams[:] = [teams]


def teams() -> Teams | None:
    return _teams[0] if _teams else None


def reads_everything(user: Any) -> bool:
    return bool(user.is_active and (user.is_superuser or user.is_auditor))


def readable_teams(user: Any) -> list[int] | None:
    """The teams whose entries somebody reads, in order; None for who reads the whole trail."""
    if reads_everything(user):
        return None
    if not user.is_active or not _teams:
        return []
    return sorted(_teams[0].readable(user))


def readable_by(request: HttpRequest) -> list[int] | None:
    """`readable_teams` of who asks, once a request."""
    if not hasattr(request, "readable_teams"):
        request.readable_teams = readable_teams(request.user)  # type: ignore[attr-defined]
    return request.readable_teams


class EntryQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """All for platform admins and auditors; for others what is of the teams whose trail they may read."""
        return self.readable(readable_teams(user))

    def readable(self, teams: list[int] | None) -> Self:
        """For who reads the trail of these teams; None is all of it."""
        return self.all() if teams is None else self.filter(team_id__in=teams)
