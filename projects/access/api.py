"""The doors of the matrix, its explanation and its simulation."""

from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import fresh
from portal.api import RolePermission
from portal.errors import Refusal
from portal.tenancy import scope_of, tenant
from projects.access import pages
from projects.access.actions import begin_export
from projects.access.body import Body
from projects.access.export import lines
from projects.access.loading import PERMISSION, Selection, places


class AccessPermission(RolePermission):
    """Reading who reaches what, also what they would reach: one right, and one scope for keys."""

    def has_permission(self, request: Request, view: Any) -> bool:
        allowed = request.auth is None or request.auth.may(view.read_scope)
        return bool(request.user.is_authenticated and allowed and request.user.has_perm(PERMISSION))


class AccessView(APIView):
    permission_classes = [AccessPermission]
    read_scope = "permissions:read"
    write_scope = "permissions:read"


def selection_of(request: Request, **wanted: str) -> Selection:
    """What the caller may see, narrowed; a key of single projects sees none of it."""
    if request.auth is not None and request.auth.reached_projects() is not None:
        words = _("A key of single projects does not read who reaches what.")
        raise Refusal("permission_denied", words)
    return Selection.of(request.user, **wanted)


class StandingSerializer(serializers.Serializer):
    slug = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)


class PersonSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    is_admin = serializers.BooleanField()
    is_auditor = serializers.BooleanField()
    is_restricted = serializers.BooleanField()
    is_active = serializers.BooleanField()
    teams = StandingSerializer(many=True)


class PlaceSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField()
    visibility = serializers.CharField()
    is_open = serializers.BooleanField(help_text="Whether it answers at all, whoever asks.")


class AssignmentSerializer(serializers.Serializer):
    user = serializers.IntegerField(help_text="The person's id.")
    project = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)
    via = serializers.CharField(
        help_text="platform-admin, team-admin, member, public or team-viewer; the strongest."
    )
    chats = serializers.BooleanField()


class MatrixSerializer(serializers.Serializer):
    users = PersonSerializer(many=True)
    projects = PlaceSerializer(many=True)
    assignments = AssignmentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class AskedSerializer(serializers.Serializer):
    """The query of the matrix."""

    team = serializers.CharField(required=False, max_length=64, default="")
    user = serializers.CharField(required=False, max_length=254, default="")
    project = serializers.CharField(required=False, max_length=64, default="")
    cursor = serializers.CharField(required=False, max_length=40, default="")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=pages.LARGEST_PAGE, default=pages.PAGE
    )
    format = serializers.ChoiceField(["json", "csv"], required=False, default="json")


FILTERS = [
    OpenApiParameter("team", str, description="A team's slug."),
    OpenApiParameter("user", str, description="A person's e-mail address."),
    OpenApiParameter("project", str, description="A project's slug: only who reaches it."),
    OpenApiParameter("cursor", str, description="From `next`: the page after."),
    OpenApiParameter("limit", int, description="People on a page: 200 by default, 500 at most."),
    OpenApiParameter("format", str, enum=["json", "csv"], description="`csv` is the whole of it."),
]


class MatrixView(AccessView):
    """Opens its transactions itself: a whole organisation's matrix is written while it is being read."""

    own_transactions = True

    @extend_schema(
        operation_id="permissions_matrix",
        summary="Who reaches what",
        description=(
            "One row for each person and project with access, on the strongest path; all of it for platform admins "
            "and auditors, their teams for owners and team admins. `format=csv` is the whole as one file, for a person "
            "who signed in or confirmed within 15 minutes; a key never is."
        ),
        parameters=FILTERS,
        responses=MatrixSerializer,
    )
    def get(self, request: Request) -> HttpResponseBase:
        asked = AskedSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        scope = scope_of(request.user)
        filters = {name: wanted[name] for name in ("team", "user", "project")}
        with tenant(scope):
            selection = selection_of(request, **filters)
            if wanted["format"] == "json":
                return Response(
                    pages.page(selection, cursor=wanted["cursor"], limit=wanted["limit"])
                )
            fresh.require(request._request)
            here = places(selection)
            begin_export(by=request.user, selection=selection)

        def within() -> AbstractContextManager:
            return tenant(scope)

        body = Body(lines(selection, here, within=within), caller=request.auth)
        response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
        name = f"access-{date.today():%Y-%m-%d}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response
