"""Which teams, memberships and grants a person may see."""

from typing import Any, Self

from django.apps import apps

from portal.recording import RecordedQuerySet
from teams.roles import ROLES_THAT_ADMINISTER


def memberships_of(user: Any, roles: tuple[str, ...] | None = None) -> Any:
    """Team ids of a user's memberships, as a subquery; of these roles only, where some are named.

    An archived team is nobody's.
    """
    rows = apps.get_model("teams.Membership").objects.filter(user_id=user.pk)
    rows = rows.exclude(team_id__in=archived_teams())
    if roles is not None:
        rows = rows.filter(role__in=roles)
    return rows.values("team_id")


def archived_teams() -> Any:
    """The ids of archived teams, as a subquery."""
    return apps.get_model("teams.TeamArchive").objects.values("team_id")


class TeamQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """The teams one is in; all for platform admins and auditors."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        return self.filter(pk__in=memberships_of(user))

    def administered_by(self, user: Any) -> Self:
        """The teams one manages as owner or admin; all for platform admins, none for restricted users."""
        if not user.is_active or user.is_restricted:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(pk__in=memberships_of(user, ROLES_THAT_ADMINISTER))


class InTeamQuerySet(RecordedQuerySet):
    """Rows with a `team`, seen by whoever administers it."""

    def visible_to(self, user: Any) -> Self:
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER))


class TeamArchiveQuerySet(InTeamQuerySet):
    """Which teams are archived: of these nobody but platform admins and auditors sees anything."""
