"""`/api/guards/`, `/api/guards/{slug}/check/` and `/api/guard-events/`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guards.engine import inspect
from guards.models import Guard, GuardEvent, Stage
from portal.api import ReadViewSet, RolePermission, ScopedViewSet
from portal.errors import Refusal
from portal.taken_slugs import refuse_taken
from teams.models import Team

LARGEST_TEXT = 32 * 1024  # bytes of UTF-8, as for a message (decision 8)


class GuardSerializer(serializers.ModelSerializer):
    team = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = Guard
        fields = ["slug", "name", "kind", "options", "mode", "on_error", "message", "priority"]
        fields += ["timeout_ms", "team", "is_active", "version"]
        read_only_fields = ["version"]

    def get_fields(self) -> dict[str, Any]:
        """Only teams that the caller sees can be named; a guard's slug, kind and team stay."""
        fields = super().get_fields()
        fields["team"].queryset = Team.objects.visible_to(self.context["request"].user)
        if isinstance(self.instance, Guard):
            for name in ("slug", "kind", "team"):
                fields[name].read_only = True
        return fields

    def validate_slug(self, slug: str) -> str:
        return refuse_taken(self, slug)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The model's rules over the row as it would be. PATCH merges options: what is not named stays."""
        if self.partial and isinstance(attrs.get("options"), dict):
            attrs["options"] = {**self.instance.options, **attrs["options"]}
        current = (
            {f: getattr(self.instance, f) for f in ("kind", "options")} if self.instance else {}
        )
        try:
            Guard(
                **{**current, **{k: v for k, v in attrs.items() if k in ("kind", "options")}}
            ).clean()
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        return attrs


class CheckSerializer(serializers.Serializer):
    text = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=LARGEST_TEXT)
    stage = serializers.ChoiceField(choices=Stage.choices)

    def validate_text(self, value: str) -> str:
        if len(value.encode("utf-8", "replace")) > LARGEST_TEXT:
            raise serializers.ValidationError(f"At most {LARGEST_TEXT} bytes.")
        return value


class CheckPermission(RolePermission):
    """Checking a text reads the guard and changes nothing: whoever sees it may try it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        allowed = request.auth is None or request.auth.may(view.read_scope)
        return bool(request.user.is_authenticated and allowed)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return True


class GuardViewSet(ScopedViewSet):
    """Guards, by slug: the platform's and those of one's teams.

    What weakens a guard (a milder mode, switching it off, `on_error` to allow, other options) needs fresh authentication:
    a person who signed in or confirmed within 15 minutes. A key strengthens and does not weaken.
    """

    queryset = Guard.objects.select_related("team").order_by("priority", "slug")
    serializer_class = GuardSerializer
    lookup_field = "slug"
    read_scope = "guards:read"
    write_scope = "guards:write"

    def get_queryset(self) -> QuerySet:
        found = super().get_queryset()
        for name, column in (("kind", "kind"), ("mode", "mode"), ("team", "team__slug")):
            if wanted := self.request.query_params.get(name):
                found = found.filter(**{column: wanted})
        return found

    @action(detail=True, methods=["post"], permission_classes=[CheckPermission])
    def check(self, request: Request, slug: str) -> Response:
        """Runs this guard alone. Nothing of the text is kept, and no event is written."""
        guard = self.get_object()
        asked = CheckSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        active = guard.activated()
        inspection = inspect(
            [asked.validated_data["text"]], [active], stage=asked.validated_data["stage"]
        )
        if inspection.outcomes[0].error:
            raise Refusal("guard_unavailable")
        blocked = inspection.blocked
        return Response(
            {
                "action": inspection.action.word,
                "text": active.message if blocked else inspection.texts[0],
                "findings": [f.as_json() for f in inspection.outcomes[0].findings],
                "version": active.version,
            }
        )


class GuardEventSerializer(serializers.ModelSerializer):
    guard = serializers.CharField(source="guard_slug")
    version = serializers.IntegerField(source="guard_version")
    project = serializers.CharField(source="project_slug")
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    user = serializers.SlugRelatedField(slug_field="email", read_only=True)
    acted_by = serializers.SlugRelatedField(
        slug_field="email",
        read_only=True,
        allow_null=True,
        help_text="The platform admin who acted in the user's name, if one did.",
    )

    class Meta:
        model = GuardEvent
        fields = ["id", "created_at", "guard", "version", "kind", "stage", "mode", "action"]
        fields += ["findings", "error", "latency_us", "team", "user"]
        fields += ["acted_by", "project", "exchange"]


class GuardEventViewSet(ReadViewSet):
    """What guards found, newest first; never any of the text."""

    queryset = GuardEvent.objects.select_related("team", "user", "acted_by").order_by("-id")
    serializer_class = GuardEventSerializer
    read_scope = "guards:read"

    def get_queryset(self) -> QuerySet:
        found = super().get_queryset()
        for name, column in (
            ("guard", "guard_slug"),
            ("action", "action"),
            ("stage", "stage"),
            ("project", "project_slug"),
        ):
            if wanted := self.request.query_params.get(name):
                found = found.filter(**{column: wanted})
        caller = self.request.auth
        reached = caller.reached_projects() if caller is not None else None
        return found if reached is None else found.filter(project_slug__in=reached)
