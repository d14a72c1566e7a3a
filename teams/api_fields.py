"""How rows are named in the bodies of this room's resources."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from teams import newcomers
from teams.models import CustomRole


class VisibleField(serializers.SlugRelatedField):
    """Names a row that the caller may see; what one may not see does not exist."""

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.context["request"].user)


class NewcomerField(serializers.SlugRelatedField):
    """Names somebody by e-mail address: whom the caller sees, and any active account."""

    def to_internal_value(self, data: Any) -> Any:
        by = self.context["request"].user
        found = newcomers.person(by=by, address=data) if isinstance(data, str) else None
        if found is None:
            raise serializers.ValidationError(newcomers.NOBODY)
        return found


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True})
class CustomRoleField(serializers.Field):
    """A team's own role, by its name or id; shown as the name. `chosen_role` finds the row when the team is known."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, **kwargs)

    def to_representation(self, value: CustomRole) -> str:
        return value.name

    def to_internal_value(self, data: Any) -> str | int:
        if isinstance(data, bool) or not isinstance(data, (str, int)):
            raise serializers.ValidationError("Name a custom role, or give its id.")
        return data


def put_chosen_role(serializer: Any, attrs: dict[str, Any], *, team: Any) -> dict[str, Any]:
    """Replaces what names a custom role by the row, and fits the role to it. What one may not see does not exist."""
    named = attrs.get("custom_role")
    if named is None:
        return attrs
    rows = CustomRole.objects.visible_to(serializer.context["request"].user).filter(team=team)
    found = rows.filter(**({"name": named} if isinstance(named, str) else {"pk": named})).first()
    if found is None:
        raise serializers.ValidationError({"custom_role": "There is no such role in this team."})
    if attrs.get("role", found.base) != found.base:
        words = f"This role stands on {found.base}."
        raise serializers.ValidationError({"custom_role": words})
    return {**attrs, "custom_role": found, "role": found.base}
