"""What being in a team lets one see in the rooms below, which do not know teams."""

from typing import Any

from django.db.models import Q

from accounts.profile import register_belonging
from accounts.querysets import register_visibility as register_people
from audit.querysets import register_visibility as register_entries
from portal.models import register_model_visibility
from teams.models import Grant, Membership
from teams.querysets import memberships_of
from teams.roles import ROLES_THAT_ADMINISTER


def people(user: Any) -> Q:
    """Those who administer a team see its people."""
    return Q(
        pk__in=Membership.objects.filter(
            team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER)
        ).values("user_id")
    )


def entries(user: Any) -> Q:
    """Those who administer a team read its trail. The teams are named: with a subquery the database would guess wrong."""
    if user.is_restricted:
        return Q(pk__in=[])
    teams = memberships_of(user, ROLES_THAT_ADMINISTER).values_list("team_id", flat=True)
    return Q(team_id__in=list(teams))


def models(user: Any) -> Q:
    """Everybody in a team sees the models it is granted; restricted users see projects only."""
    if user.is_restricted:
        return Q(pk__in=[])
    return Q(pk__in=Grant.objects.filter(team_id__in=memberships_of(user)).values("model_id"))


def roles(user: Any) -> list[tuple[str, str]]:
    """For one's own account page: the teams one is in, and as what."""
    rows = Membership.objects.filter(user=user).select_related("team").order_by("team__name")
    return [(row.team.name, str(row.get_role_display())) for row in rows]


def install() -> None:
    register_belonging(roles)
    register_people(people)
    register_entries(entries)
    register_model_visibility(models)
