"""What the doors of the trail's interface share: who may read it by a key, and how it is narrowed."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from audit import searching
from audit.searching import Search
from portal.api import RolePermission, refuse_confined

PARAMETERS = [
    OpenApiParameter("actor", str, description="An e-mail address, a key's id, or `system`."),
    OpenApiParameter("about", str, description="The e-mail address of the person it is about."),
    OpenApiParameter("object", str, description="A slug, or `type:id` (`teams.Team:3`)."),
    OpenApiParameter("team", str, description="A team's slug."),
    *(OpenApiParameter(name, str) for name in (*searching.EXACT, "actor_id")),
    *(OpenApiParameter(name, int) for name in searching.NUMBERS),
    OpenApiParameter("from", str, description="A day or a moment: `2026-11-26`."),
    OpenApiParameter("to", str, description="A day, to its end, or a moment."),
    OpenApiParameter("last", str, enum=list(searching.SPANS)),
]


class ReadsTrail(RolePermission):
    """One right and one scope for keys; a key of single projects reads none of it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated or not request.user.has_perm("audit.view_entry"):
            return False
        return request.auth is None or request.auth.may(view.read_scope)


def search_of(request: Request) -> Search:
    """What the caller asks for. Raises `Refusal`, also for a key of single projects."""
    refuse_keys_of_projects(request)
    return searching.read(request.query_params, request.user)


def refuse_keys_of_projects(request: Request) -> None:
    refuse_confined(request, _("A key of single projects does not read the trail."))
