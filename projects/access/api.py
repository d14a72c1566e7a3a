"""The doors of the matrix, its explanation and its simulation."""

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import fresh
from portal.long_answers import file_of
from portal.tenancy import scope_of, tenant
from projects.access import changes, pages
from projects.access.actions import begin_export
from projects.access.asking import AccessView, selection_of
from projects.access.body import allowed_transactions
from projects.access.explain import explain
from projects.access.export import lines
from projects.access.loading import places
from projects.access.schema import (
    AskedSerializer,
    ChangesSerializer,
    ExplanationSerializer,
    MatrixSerializer,
    PairSerializer,
    SimulatedSerializer,
)
from projects.access.simulation import simulate

EXAMPLE = {
    "changes": [
        {"op": "add_member", "team": "research", "user": "sam@example.com", "role": "viewer"}
    ]
}
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

        within = allowed_transactions(request, selection, scope)
        name = f"access-{timezone.localdate():%Y-%m-%d}.csv"
        return file_of(lines(selection, here, within=within), caller=request.auth, name=name)


class ExplainView(AccessView):
    @extend_schema(
        operation_id="permissions_explain",
        summary="Why somebody reaches a project, or does not",
        description="Each fact that decides, in plain words, in the order in which they count.",
        parameters=[
            OpenApiParameter(
                "user",
                str,
                required=True,
                description="An e-mail address.",
                examples=[OpenApiExample("a person", value="marco@example.com")],
            ),
            OpenApiParameter(
                "project",
                str,
                required=True,
                description="A slug.",
                examples=[OpenApiExample("a project", value="assistant")],
            ),
        ],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = PairSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        selection = selection_of(request, **asked.validated_data)
        return Response(explain(by=request.user, selection=selection).as_json())


class SimulateView(AccessView):
    @extend_schema(
        operation_id="permissions_simulate",
        summary="What changes would change",
        description=(
            "Who would gain, lose and reach differently what, if these changes were made, one after the other; nothing "
            "is written. At most 100 changes; at most 10,000 rows are shown, all are counted. Person flags and groups "
            "are for who sees the whole matrix."
        ),
        request=ChangesSerializer,
        responses=SimulatedSerializer,
        examples=[OpenApiExample("a member more", value=EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        selection = selection_of(request)
        wanted = request.data if isinstance(request.data, dict) else {}
        found = changes.read(wanted.get("changes"))
        return Response(simulate(by=request.user, selection=selection, changes=found))
