"""Which entries a person may see; higher rooms add their reasons."""

from collections.abc import Callable
from typing import Any, Self

from django.db.models import Q

from portal.recording import RecordedQuerySet

_visibilities: list[Callable[[Any], Q]] = []


def register_visibility(function: Callable[[Any], Q]) -> None:
    """`function(user) -> Q` over entries: those that a team's administrators may read."""
    _visibilities.append(function)


class EntryQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """All for platform admins and auditors; for others what the registered rooms allow."""
        if not user.is_active or user.is_superuser or user.is_auditor or not _visibilities:
            return super().visible_to(user)
        allowed = Q(pk__in=[])
        for function in _visibilities:
            allowed |= function(user)
        return self.filter(allowed)
