"""The resource `custom-roles`, and how memberships and mappings name one of them."""

from typing import Any

from django.db.models import Count
from rest_framework import serializers

from portal.api import ScopedViewSet
from portal.errors import Refusal
from teams import role_actions
from teams.api_fields import VisibleField
from teams.models import CustomRole, Team
from teams.roles import OF_THE_BASE, PERMISSIONS

OFFERED = sorted(PERMISSIONS["admin"] - OF_THE_BASE)


class CustomRoleSerializer(serializers.ModelSerializer):
    """`permissions` are what is kept of those of the `base`; nobody keeps more than they hold in the team.

    Team and base stay. `people` is how many have it.
    """

    team = VisibleField(slug_field="slug", queryset=Team.objects.all())
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=OFFERED), max_length=len(OFFERED)
    )
    people = serializers.SerializerMethodField()

    class Meta:
        model = CustomRole
        fields = ("id", "team", "name", "base", "permissions", "people")
        validators: list[Any] = []  # that a name is taken is a conflict, said by the deed

    def get_people(self, role: CustomRole) -> int:
        return getattr(role, "count", 0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        base = attrs.get("base") or (self.instance.base if self.instance else "")
        foreign = sorted(set(attrs.get("permissions", ())) - PERMISSIONS.get(base, frozenset()))
        if foreign:
            words = f"The base has no such permission: {', '.join(foreign)}."
            raise serializers.ValidationError({"permissions": words})
        return attrs

    def create(self, data: dict[str, Any]) -> CustomRole:
        return role_actions.create_custom_role(by=self.context["request"].user, **data)

    def update(self, role: CustomRole, data: dict[str, Any]) -> CustomRole:
        for name in ("team", "base"):
            if name in data and data.pop(name) != getattr(role, name):
                raise Refusal("validation_failed", fields={name: ["It stays."]})
        return role_actions.change_custom_role(by=self.context["request"].user, role=role, **data)


class CustomRoleViewSet(ScopedViewSet):
    """A team's own roles, made by those who administer it. What is taken from one ends its holders' sessions."""

    queryset = (
        CustomRole.objects.select_related("team")
        .annotate(count=Count("memberships"))
        .order_by("team__name", "name", "pk")
    )
    serializer_class = CustomRoleSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def perform_destroy(self, instance: CustomRole) -> None:
        role_actions.delete_custom_role(by=self.request.user, role=instance)
