"""Which snapshots of the matrix a person may read."""

from datetime import date
from typing import Any, Self

from portal.recording import RecordedQuerySet
from teams.querysets import memberships_of
from teams.roles import ROLES_THAT_ADMINISTER

SEES = "projects.view_access"


class SnapshotQuerySet(RecordedQuerySet):
    """When they were taken; for platform admins and auditors."""

    def at(self, day: date) -> Any:
        """The newest that is not later than this day; None where none is."""
        return self.filter(day__lte=day).order_by("-day").first()


class SnapshotPartQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """Those of the teams whose access one may see; all for platform admins and auditors."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER, holding=SEES))
