"""What being in a team lets one see in the rooms below, which do not know teams."""

from typing import Any

from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q
from django.urls import reverse

from accounts.profile import Belonging, register_belonging
from accounts.querysets import register_change_visibility
from accounts.querysets import register_visibility as register_people
from accounts.second_factor import register_demand
from audit.querysets import register_teams
from portal.models import register_model_visibility
from portal.tenancy import POSTGRESQL
from teams.models import Grant, Membership, Team
from teams.querysets import archived_teams, memberships_of
from teams.roles import ROLES_THAT_ADMINISTER

MOST_OFFERED = 200  # teams that a form lists
SECOND_FACTOR_LOOKER = "portal_team_demands_second_factor"


def people(user: Any, permission: str) -> Q:
    """Those who administer a team in a role with this permission see its people, or their keys."""
    teams = memberships_of(user, ROLES_THAT_ADMINISTER, holding=permission)
    return Q(pk__in=Membership.objects.filter(team_id__in=teams).values("user_id"))


class TrailTeams:
    """What the trail asks about teams."""

    def readable(self, user: Any) -> list[int]:
        """Those that one administers in a role that may read the trail."""
        if user.is_restricted:
            return []
        teams = memberships_of(user, ROLES_THAT_ADMINISTER, holding="audit.view_entry")
        return list(teams.values_list("team_id", flat=True))

    def offered(self, user: Any) -> list[tuple[str, str]]:
        rows = Team.objects.visible_to(user).order_by("name")
        return list(rows.values_list("slug", "name")[:MOST_OFFERED])

    def named(self, user: Any, text: str) -> int | None:
        return Team.objects.visible_to(user).filter(slug=text).values_list("pk", flat=True).first()

    def link(self, user: Any, team_id: int) -> tuple[str, str]:
        found = Team.objects.visible_to(user).filter(pk=team_id)
        return found.values_list("name", "slug").first() or ("", "")


def changes(user: Any) -> Q:
    """Those who administer a team in a role that may see what waits in it for a second person."""
    teams = memberships_of(user, ROLES_THAT_ADMINISTER, holding="accounts.view_pendingchange")
    return Q(team_id__in=list(teams.values_list("team_id", flat=True)))


def models(user: Any) -> Q:
    """Everybody in a team sees the models it is granted; restricted users see projects only."""
    if user.is_restricted:
        return Q(pk__in=[])
    return Q(pk__in=Grant.objects.filter(team_id__in=memberships_of(user)).values("model_id"))


def roles(user: Any) -> list[Belonging]:
    """For one's own account page: the teams one is in, as what, and the way out of them."""
    rows = Membership.objects.filter(user=user, team_id__in=memberships_of(user))
    rows = rows.select_related("team").order_by("team__name")
    return [
        Belonging(
            row.team.name,
            str(row.get_role_display()),
            "" if user.is_restricted else reverse("account_leave_team", args=[row.team.slug]),
        )
        for row in rows
    ]


def demanded() -> Exists:
    """Of users: a team of theirs, among those in sight and not archived, demands a second factor."""
    rows = Membership.objects.filter(user_id=OuterRef("pk"), team__second_factor_required=True)
    rows = rows.exclude(team_id__in=archived_teams())
    return Exists(rows)


def demanded_of_one() -> Any:
    """The same while somebody signs in, when no team is in sight yet: a function of the database answers it."""
    if connection.vendor != POSTGRESQL:
        return demanded()
    return Func(F("pk"), function=SECOND_FACTOR_LOOKER, output_field=BooleanField())


def install() -> None:
    register_demand(of_one=demanded_of_one, of_many=demanded)
    register_belonging(roles)
    register_people(people)
    register_teams(TrailTeams())
    register_change_visibility(changes)
    register_model_visibility(models)
