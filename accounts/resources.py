"""The resource `users`; `keys` is in `accounts/key_resources.py`."""

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from portal.api import ReadViewSet


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
    read_scope = "users:read"

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
