"""Which access reviews and lines a person may see."""

from datetime import date
from typing import Any, Self

from django.db.models import Count, Q

from portal.recording import RecordedQuerySet
from teams.querysets import memberships_of
from teams.roles import ROLES_THAT_ADMINISTER

SEES = "projects.view_accessreview"


class _OfReviewQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """Those of the teams one administers; all for platform admins and auditors, whose the platform's alone are."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER, holding=SEES))


class AccessReviewQuerySet(_OfReviewQuerySet):
    def due(self, today: date) -> Self:
        return self.filter(closed_at__isnull=True, due_on__lte=today)

    def with_progress(self) -> Self:
        """`total` and `decided` lines of each."""
        return self.annotate(
            total=Count("lines"), decided=Count("lines", filter=~Q(lines__decision=""))
        )


class ReviewLineQuerySet(_OfReviewQuerySet):
    """Lines are seen with their review."""

    def open(self) -> Self:
        return self.filter(decision="")
