"""The resource `access-reviews`: opened, decided line by line, closed; the result as CSV."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import fresh
from portal import spreadsheets
from portal.api import RolePermission, ScopedMixin, refuse_confined
from portal.errors import Refusal
from projects import review_actions, review_result
from projects.models import AccessReview, ReviewLine
from projects.review_lines import present
from teams.models import Team


class ReviewPermission(RolePermission):
    """Looking needs the right to look; opening and deciding are asked again by the deeds, for the team at hand."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        verb = "view" if request.method in ("GET", "HEAD", "OPTIONS") else "add"
        return request.user.has_perm(f"projects.{verb}_accessreview")

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return request.user.has_perm("projects.view_accessreview", obj)


class PersonField(serializers.SlugRelatedField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="email", read_only=True, allow_null=True, **kwargs)


class ReviewSerializer(serializers.ModelSerializer):
    """`team` is a slug; null is the whole platform, which platform admins review."""

    team = serializers.CharField(
        source="team_slug", required=False, allow_null=True, allow_blank=True
    )
    opened_by = PersonField()
    closed_by = PersonField()
    lines = serializers.IntegerField(source="total", read_only=True)
    decided = serializers.IntegerField(read_only=True)

    class Meta:
        model = AccessReview
        fields = ["uid", "team", "opened_by", "opened_at", "due_on", "note"]
        fields += ["closed_by", "closed_at", "lines", "decided"]
        read_only_fields = ["opened_at", "closed_at"]

    def to_representation(self, instance: AccessReview) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {**shown, "team": shown["team"] or None}

    def create(self, data: dict[str, Any]) -> AccessReview:
        by, team = self.context["request"].user, None
        if slug := data.pop("team_slug", None):
            team = Team.objects.visible_to(by).filter(slug=slug).first()
            if team is None:
                words = _("There is no such team.")
                raise Refusal("validation_failed", fields={"team": [words]})
        made = review_actions.open_review(by=by, team=team, **data)
        return AccessReview.objects.with_progress().get(pk=made.pk)


class LineSerializer(serializers.ModelSerializer):
    """`now` says what the right is at this moment: null if it is gone, and for what is decided already."""

    user = PersonField()
    decided_by = PersonField()
    project = serializers.CharField(source="project_slug", read_only=True)
    team = serializers.CharField(source="team_slug", read_only=True)
    now = serializers.SerializerMethodField()

    class Meta:
        model = ReviewLine
        fields = ["id", "kind", "user", "team", "project", "role", "custom_role", "from_groups"]
        fields += ["since", "last_used_at", "now", "decision", "attested_as"]
        fields += ["decided_by", "decided_at", "note"]

    def get_now(self, line: ReviewLine) -> str | None:
        found = self.context.get("now", {}).get(line.pk)
        return found.right if found else None


class LineDecisionSerializer(serializers.Serializer):
    note = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class AttestSerializer(LineDecisionSerializer):
    right = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        default="",
        help_text="Needed where the right changed since the opening: what it is `now`.",
    )


FORMAT = OpenApiParameter("format", OpenApiTypes.STR, description="`csv`: the result as a file.")


class AccessReviewViewSet(
    ScopedMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet,
):
    """Access reviews, newest first. A team's owner opens them for the team, platform admins for all."""

    permission_classes = [ReviewPermission]
    queryset = AccessReview.objects.select_related("opened_by", "closed_by").order_by("-id")
    serializer_class: type[serializers.BaseSerializer] = ReviewSerializer
    lookup_field = "uid"
    read_scope = "reviews:read"
    write_scope = "reviews:write"

    def get_queryset(self) -> QuerySet:
        refuse_confined(self.request, _("A key of single projects does not review access."))
        return super().get_queryset().with_progress()  # type: ignore[attr-defined]

    @extend_schema(parameters=[FORMAT])
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """One review, with how many lines are decided; as CSV its result, after fresh authentication."""
        if request.query_params.get("format") != "csv":
            return super().retrieve(request, *args, **kwargs)
        review = self.get_object()
        fresh.require(request._request)
        review_actions.record_export(review=review)
        text = "".join(map(spreadsheets.line, review_result.rows(review)))
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        name = review_result.file_name(review)
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @extend_schema(
        responses=LineSerializer(many=True),
        parameters=[
            OpenApiParameter("decision", OpenApiTypes.STR, description="open, attested, revoked or gone."),
            OpenApiParameter("kind", OpenApiTypes.STR, description="membership, assignment or platform."),
        ],
    )  # fmt: skip
    @action(detail=True, methods=["get"], url_path="lines", url_name="lines-list")
    def lines(self, request: Request, uid: str) -> Response:
        """The lines of a review."""
        review = self.get_object()
        rows = review.lines.select_related("user", "decided_by").order_by("pk")
        if decision := request.query_params.get("decision"):
            rows = rows.filter(decision="" if decision == "open" else decision)
        if kind := request.query_params.get("kind"):
            rows = rows.filter(kind=kind)
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response(self._shown(page, many=True))

    @extend_schema(request=AttestSerializer, responses=LineSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path=r"lines/(?P<line>[0-9]+)/attest",
        url_name="lines-attest",
    )
    def attest(self, request: Request, uid: str, line: str) -> Response:
        """The right stays. What is gone meanwhile is noted as gone."""
        sent = AttestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        done = review_actions.attest_line(
            by=request.user, line=self._line(line), **sent.validated_data
        )
        return Response(self._shown(done))

    @extend_schema(request=LineDecisionSerializer, responses=LineSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path=r"lines/(?P<line>[0-9]+)/revoke",
        url_name="lines-revoke",
    )
    def revoke(self, request: Request, uid: str, line: str) -> Response:
        """Takes the right away, at once."""
        sent = LineDecisionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        done = review_actions.revoke_line(
            by=request.user, line=self._line(line), **sent.validated_data
        )
        return Response(self._shown(done))

    @extend_schema(request=None, responses=ReviewSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, uid: str) -> Response:
        """Ends a review whose lines are all decided."""
        review = self.get_object()
        review_actions.close_review(by=request.user, review=review)
        return Response(self.get_serializer(self.get_object()).data)

    def _line(self, key: str) -> ReviewLine:
        found = self.get_object().lines.filter(pk=int(key[:18])).first()
        if found is None:
            raise Refusal("not_found")
        return found

    def _shown(self, lines: Any, *, many: bool = False) -> Any:
        rows = lines if many else [lines]
        now = present([row for row in rows if row.is_open])
        return LineSerializer(lines, many=many, context={"now": now}).data
