"""The guards that a team's projects have whether they want or not."""

from django.db.models import Q

from guards.engine import ActiveGuard
from guards.models import GuardAttachment


def platform_and_team_guards(team_id: int) -> tuple[tuple[str, ActiveGuard], ...]:
    """(stage, guard) of the platform's and the team's attachments, in one query."""
    rows = (
        GuardAttachment.objects.filter(Q(team__isnull=True) | Q(team_id=team_id))
        .filter(guard__is_active=True)
        .select_related("guard")
        .order_by("team_id", "pk")
    )
    return tuple((row.stage, row.guard.activated(mode=row.mode)) for row in rows)
