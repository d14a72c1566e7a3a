"""The resource `pending-changes`: what waits for a second person, and the deeds of whoever decides."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import fresh, pending_actions
from accounts.models import PendingChange
from accounts.pending_words import steps_in_words
from portal.api import ReadViewSet, RolePermission, refuse_confined
from portal.errors import Refusal
from portal.keyring import Unreadable

STATES = ("waiting", *PendingChange.Decision.values)


class DifferenceSerializer(serializers.Serializer):
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class StepSerializer(serializers.Serializer):
    """One row; `is_weaker` where this is why it waits. Secrets are masked; people's words too, for keys."""

    kind = serializers.CharField()
    label = serializers.CharField()
    verb = serializers.ChoiceField(choices=PendingChange.Verb.choices)
    is_weaker = serializers.BooleanField()
    differences = DifferenceSerializer(many=True)


class PendingChangeSerializer(serializers.ModelSerializer):
    """`state` is *waiting*, or how it ended."""

    id = serializers.CharField(source="uid", read_only=True)
    state = serializers.ChoiceField(choices=STATES, read_only=True)
    proposed_by = serializers.SlugRelatedField(slug_field="email", read_only=True, allow_null=True)
    decided_by = serializers.SlugRelatedField(slug_field="email", read_only=True, allow_null=True)

    class Meta:
        model = PendingChange
        fields: tuple[str, ...] = ("id", "target_model", "target_id", "target_label", "verb")
        fields += ("state", "reason", "proposed_by", "proposed_at", "expires_at")
        fields += ("decided_by", "decided_at", "note")


class PendingChangeDetailSerializer(PendingChangeSerializer):
    steps = serializers.SerializerMethodField()

    class Meta(PendingChangeSerializer.Meta):
        fields: tuple[str, ...] = (*PendingChangeSerializer.Meta.fields, "steps")

    @extend_schema_field(StepSerializer(many=True, allow_null=True))
    def get_steps(self, change: PendingChange) -> list[dict[str, Any]] | None:
        """Null where they cannot be read: their key is missing or wrong."""
        request = self.context["request"]
        reader = request.user if request.auth is not None and request.auth.is_unconfined else None
        try:
            found = steps_in_words(change.content["steps"], reader)
        except Unreadable:
            return None
        return [asdict(step) | {"kind": str(step.kind)} for step in found]


class DecisionSerializer(serializers.Serializer):
    note = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=pending_actions.LONGEST_NOTE
    )


class PeopleDecide(RolePermission):
    """A person, by session or token; never a key, whatever its scopes. Which of them is asked by the deed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        may_act = request.auth is not None and request.auth.is_unconfined
        return bool(request.user.is_authenticated and may_act)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return True


@extend_schema(parameters=[OpenApiParameter("state", enum=list(STATES))], methods=["GET"])
class PendingChangeViewSet(ReadViewSet):
    """Changes that wait for a second person while the two-person rule is on, newest first.

    Whoever could make the change themselves approves or rejects it, but not who proposed it. Keys read, and decide
    nothing.
    """

    queryset = PendingChange.objects.select_related("proposed_by", "decided_by")
    serializer_class = PendingChangeSerializer
    lookup_field = "uid"
    read_scope = "changes:read"

    def get_serializer_class(self) -> type[serializers.Serializer]:
        return PendingChangeDetailSerializer if self.detail else PendingChangeSerializer

    def get_queryset(self) -> QuerySet:
        refuse_confined(self.request, _("A key of single projects does not read pending changes."))
        found = super().get_queryset()
        state = self.request.query_params.get("state")
        return found.in_state(state) if state else found  # type: ignore[attr-defined]

    @extend_schema(request=DecisionSerializer, responses=PendingChangeDetailSerializer)
    @action(detail=True, methods=["post"], permission_classes=[PeopleDecide])
    def approve(self, request: Request, uid: str) -> Response:
        """Makes the change. Needs fresh authentication; where it is outdated, the answer is `conflict`."""
        change = self.get_object()
        fresh.require(request._request)
        done = pending_actions.approve(by=request.user, change=change, note=self._note(request))
        if done.decision != PendingChange.Decision.APPROVED:
            raise Refusal("conflict", done.note or done.get_decision_display())
        return self._answer(done)

    @extend_schema(request=DecisionSerializer, responses=PendingChangeDetailSerializer)
    @action(detail=True, methods=["post"], permission_classes=[PeopleDecide])
    def reject(self, request: Request, uid: str) -> Response:
        """Nothing is changed."""
        change = self.get_object()
        note = self._note(request)
        return self._answer(pending_actions.reject(by=request.user, change=change, note=note))

    @extend_schema(request=None, responses=PendingChangeDetailSerializer)
    @action(detail=True, methods=["post"], permission_classes=[PeopleDecide])
    def withdraw(self, request: Request, uid: str) -> Response:
        """By who proposed it."""
        change = self.get_object()
        return self._answer(pending_actions.withdraw(by=request.user, change=change))

    def _note(self, request: Request) -> str:
        sent = DecisionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return str(sent.validated_data["note"])

    def _answer(self, change: PendingChange) -> Response:
        return Response(self.get_serializer(change).data)
