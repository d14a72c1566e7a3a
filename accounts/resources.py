"""The resources `users` and `keys`."""

from typing import Any

from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.models import Key, User
from accounts.scopes import SCOPES
from portal.api import ReadViewSet
from portal.errors import Refusal


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "name",
            "is_active",
            "is_superuser",
            "is_auditor",
            "is_restricted",
            "date_joined",
            "last_login",
        )


class UserViewSet(ReadViewSet):
    """The people one may see; `me` is oneself."""

    queryset = User.objects.all()
    serializer_class = UserSerializer
    lookup_value_regex = r"\d+"

    @action(detail=False, permission_classes=[IsAuthenticated])
    def me(self, request: Request) -> Response:
        return Response(self.get_serializer(request.user).data)


class KeySerializer(serializers.ModelSerializer):
    """`key` is the plaintext, in the answer to its creation only; afterwards there is `masked`."""

    id = serializers.CharField(source="public_id", read_only=True)
    masked = serializers.CharField(read_only=True)
    scopes = serializers.MultipleChoiceField(choices=list(SCOPES), required=False)

    class Meta:
        model = Key
        fields = (
            "id",
            "name",
            "masked",
            "scopes",
            "expires_at",
            "requests_per_second",
            "no_content_log",
            "revoked_at",
            "last_used_at",
            "created_at",
        )
        read_only_fields = ("requests_per_second", "revoked_at", "last_used_at", "created_at")


class KeyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """One's own keys. Only a person, signed in, makes and revokes them: a key does neither."""

    queryset = Key.objects.all()
    serializer_class = KeySerializer
    permission_classes = [IsAuthenticated]
    lookup_field = "public_id"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.user.is_restricted or (request.auth is not None and request.auth.key):
            raise Refusal("permission_denied")

    def get_queryset(self) -> Any:
        return Key.objects.filter(user=self.request.user)

    def create(self, request: Request) -> Response:
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        key, plaintext = actions.create_key(
            by=request.user, user=request.user, **wanted.validated_data
        )
        body = {**self.get_serializer(key).data, "key": plaintext}
        return Response(body, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, public_id: str) -> Response:
        """Revokes; the row stays for the trail."""
        actions.revoke_key(by=request.user, key=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
