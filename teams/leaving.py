"""The page on which somebody leaves a team by themselves."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from portal.errors import Refusal
from teams.actions import FromGroups, LastOwner
from teams.models import Membership
from teams.querysets import memberships_of
from teams.removal_actions import leave_team


@never_cache
@login_required
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Says what it means and does it; 404 for a team that one is not in. The session at hand goes on.

    Who is in it by their groups is told so, and who is its only owner: 409 for both.
    """
    mine = Membership.objects.filter(
        user_id=request.user.pk, team_id__in=memberships_of(request.user)
    )
    membership = get_object_or_404(mine.select_related("team"), team__slug=slug)
    if request.user.is_restricted:
        raise Refusal("permission_denied", _("An owner or admin of the team can take you out."))
    refused: Refusal | None = None
    if request.method == "POST":
        try:
            leave_team(by=request.user, team=membership.team)
        except (LastOwner, FromGroups) as refusal:
            refused = refusal
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, _("You left %(team)s.") % {"team": membership.team.name})
            return redirect("account_profile")
    context = {
        "membership": membership,
        "team": membership.team,
        "is_last": isinstance(refused, LastOwner),
        "is_held": membership.from_groups and not request.user.is_superuser,
    }
    return render(request, "account/leave_team.html", context, status=409 if refused else 200)
