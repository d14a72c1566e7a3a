"""The resources `users` and `keys`."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.models import Key, User
from accounts.scopes import SCOPES
from portal.api import ReadViewSet, RolePermission
from portal.errors import Refusal


class UserSerializer(serializers.ModelSerializer):
    is_admin = serializers.BooleanField(source="is_superuser", read_only=True)

    class Meta:
        model = User
        fields = ["id", "email", "name", "is_active", "is_admin", "is_auditor", "is_restricted"]
        fields += ["date_joined", "last_login"]


class UserViewSet(ReadViewSet):
    """The people one may see, filtered by `email` and `is_active`; `me` is oneself."""

    queryset = User.objects.all()
    serializer_class = UserSerializer
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet:
        found = super().get_queryset()
        if email := self.request.query_params.get("email"):
            found = found.filter(email=email.strip().lower())
        wanted = {"true": True, "false": False}.get(
            self.request.query_params.get("is_active", "").lower()
        )
        return found if wanted is None else found.filter(is_active=wanted)

    @action(detail=False, permission_classes=[IsAuthenticated])
    def me(self, request: Request) -> Response:
        return Response(self.get_serializer(request.user).data)


class KeySerializer(serializers.ModelSerializer):
    """`key` is the plaintext in the answer to its creation, and a mask ever after."""

    id = serializers.CharField(source="public_id", read_only=True)
    user = serializers.SlugRelatedField(slug_field="email", read_only=True)
    key = serializers.CharField(source="masked", read_only=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), required=False
    )

    class Meta:
        model = Key
        fields = ["id", "user", "name", "key", "scopes", "expires_at", "requests_per_second"]
        fields += [
            "allowed_addresses",
            "no_content_log",
            "revoked_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = ("requests_per_second", "revoked_at", "last_used_at", "created_at")


class PeopleOnly(RolePermission):
    """No key, whatever its scopes, no token with scopes, no password that comes with each request, and nobody who is restricted; whose keys is asked by the rows and the deeds."""

    def has_permission(self, request: Request, view: Any) -> bool:
        may_act = request.auth is not None and request.auth.is_unconfined
        return bool(request.user.is_authenticated and not request.user.is_restricted and may_act)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return True


class KeyViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet,
):
    """One's own keys, and those of the people one may see. A person makes and revokes them; a key does neither."""

    queryset = Key.objects.select_related("user")
    serializer_class = KeySerializer
    permission_classes = [PeopleOnly]
    lookup_field = "public_id"

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().visible_to(self.request.user)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        key, plaintext = actions.create_key(
            by=request.user, user=request.user, **wanted.validated_data
        )
        body = {**self.get_serializer(key).data, "key": plaintext}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def perform_destroy(self, instance: Key) -> None:
        """Revokes; the row stays for the trail."""
        user = self.request.user
        if instance.user_id != user.pk and not user.has_perm("accounts.change_key", instance):
            raise Refusal("permission_denied")
        actions.revoke_key(by=user, key=instance)
