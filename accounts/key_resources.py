"""The resource `keys`: made, rotated and revoked by people, never by a key."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions, fresh
from accounts.key_ties import ties
from accounts.models import Key
from accounts.scopes import SCOPES
from portal.api import RolePermission
from portal.errors import Refusal

MOST_DAYS = 36_500
HOURS = actions.LONGEST_OVERLAP // timedelta(hours=1)


class ProjectsField(serializers.ListField):
    """Slugs of the projects that a key is confined to; null for a key that reaches all of its owner's."""

    child = serializers.SlugField()

    def get_attribute(self, instance: Key) -> list[str] | None:
        return ties().projects(instance)


class KeySerializer(serializers.ModelSerializer):
    """`key` is the plaintext in the answer to its creation, and a mask ever after.

    `requests_per_second` and `monthly_budget` are set by platform admins. Empty `scopes` are all of the owner's
    rights; `projects` are null where the key reaches all of the owner's.
    """

    id = serializers.CharField(source="public_id", read_only=True)
    user = serializers.SlugRelatedField(slug_field="email", read_only=True)
    key = serializers.CharField(source="masked", read_only=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), required=False
    )
    projects = ProjectsField(required=False, allow_null=True, allow_empty=False)
    spent_this_month = serializers.SerializerMethodField()

    class Meta:
        model = Key
        fields = ["id", "user", "name", "key", "scopes", "projects", "expires_at"]
        fields += ["requests_per_second", "monthly_budget", "spent_this_month"]
        fields += ["allowed_addresses", "no_content_log", "secret_made_at", "previous_ends_at"]
        fields += ["revoked_at", "last_used_at", "created_at"]
        read_only_fields = (
            *("requests_per_second", "monthly_budget", "secret_made_at", "previous_ends_at"),
            *("revoked_at", "last_used_at", "created_at"),
        )

    def get_spent_this_month(self, key: Key) -> str:
        return f"{ties().spent(key):.6f}"


class RotationSerializer(serializers.Serializer):
    """`overlap_hours`: how long the secret before the new one still opens. `last_four`, if given, are those of the
    secret that is to be replaced: where somebody was faster, the answer is `conflict`."""

    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=HOURS, default=actions.OVERLAP // timedelta(hours=1)
    )
    last_four = serializers.CharField(max_length=4, required=False, default="")


class PeopleOnly(RolePermission):
    """No key, whatever its scopes, no token with scopes, no password that comes with each request, and nobody who is
    restricted; whose keys is asked by the rows and the deeds."""

    def has_permission(self, request: Request, view: Any) -> bool:
        may_act = request.auth is not None and request.auth.is_unconfined
        return bool(request.user.is_authenticated and not request.user.is_restricted and may_act)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return True


OLDER_THAN = OpenApiParameter(
    "older_than",
    OpenApiTypes.INT,
    description="Only keys whose secret is at least so many days old.",
)


class KeyViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet,
):
    """One's own keys, and those of the people one may see. A person makes, rotates and revokes them; a key does not.

    Making and rotating need fresh authentication.
    """

    queryset = Key.objects.select_related("user")
    serializer_class = KeySerializer
    permission_classes = [PeopleOnly]
    lookup_field = "public_id"

    def get_queryset(self) -> QuerySet:
        found = super().get_queryset().visible_to(self.request.user)
        if days := self.request.query_params.get("older_than"):
            if not days.isdecimal() or len(days) > 6 or int(days) > MOST_DAYS:
                raise Refusal("validation_failed", fields={"older_than": ["A number of days."]})
            found = found.with_secrets_older_than(int(days))
        return ties().joined(found, self.request.user)

    @extend_schema(parameters=[OLDER_THAN])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fresh.require(request._request)
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        key, plaintext = actions.create_key(
            by=request.user, user=request.user, **wanted.validated_data
        )
        return self._shown_once(key, plaintext, status.HTTP_201_CREATED)

    @extend_schema(request=RotationSerializer, responses=KeySerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, public_id: str) -> Response:
        """A second secret for the same key; the one before it opens until the overlap is over."""
        fresh.require(request._request)
        wanted = RotationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        key, plaintext = actions.rotate_key(
            by=request.user,
            key=self.get_object(),
            overlap=timedelta(hours=wanted.validated_data["overlap_hours"]),
            last_four=wanted.validated_data["last_four"],
        )
        return self._shown_once(key, plaintext, status.HTTP_200_OK)

    def perform_destroy(self, instance: Key) -> None:
        """Revokes; the row stays for the trail."""
        user = self.request.user
        if instance.user_id != user.pk and not user.has_perm("accounts.revoke_key", instance):
            raise Refusal("permission_denied")
        actions.revoke_key(by=user, key=instance)

    def _shown_once(self, key: Key, plaintext: str, code: int) -> Response:
        stored = self.get_queryset().get(pk=key.pk)
        body = {**self.get_serializer(stored).data, "key": plaintext}
        return Response(body, status=code, headers={"Cache-Control": "no-store"})
