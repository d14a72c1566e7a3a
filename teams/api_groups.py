"""The resources `groups` and `group-mappings`: platform admins'; who administers a team reads the mappings into it."""

from typing import Any

from django.db.models import Count
from rest_framework import serializers

from accounts.models import User
from portal.api import ScopedViewSet
from portal.errors import Refusal
from teams import groups
from teams.api_fields import CustomRoleField, VisibleField, put_chosen_role
from teams.models import Group, GroupMapping, Team

MOST_AT_ONCE = 20_000


class GroupSerializer(serializers.ModelSerializer):
    """In lists: `people` is how many are in it."""

    people = serializers.SerializerMethodField()

    class Meta:
        model = Group
        fields = ("id", "source", "name", "people")

    def get_people(self, group: Group) -> int:
        return getattr(group, "count", 0)


class MembersField(serializers.ListField):
    """E-mail addresses; each must be somebody's."""

    child = serializers.EmailField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=MOST_AT_ONCE, **kwargs)

    def get_attribute(self, instance: Group) -> list[str]:
        return list(instance.users.order_by("email").values_list("email", flat=True))

    def to_internal_value(self, data: Any) -> list[User]:
        wanted = {address.strip().lower() for address in super().to_internal_value(data)}
        found = list(User.objects.filter(email__in=wanted))
        if unknown := sorted(wanted - {user.email for user in found}):
            raise serializers.ValidationError(f"Nobody has this address: {unknown[0]}.")
        return found


class WholeGroupSerializer(GroupSerializer):
    """`members` are all people of the group: what is given replaces them. Those of a source are said there."""

    members = MembersField()

    class Meta(GroupSerializer.Meta):
        fields = (*GroupSerializer.Meta.fields, "members")  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        source = self.instance.source if self.instance else attrs.get("source", "")
        if self.instance and attrs.get("source", source) != source:
            raise serializers.ValidationError({"source": "It stays."})
        if source and "members" in attrs:
            raise Refusal("conflict", "Who is in a group of a source is said there.")
        return attrs

    def create(self, data: dict[str, Any]) -> Group:
        members = data.pop("members", None)
        return self._filled(super().create(data), members)

    def update(self, group: Group, data: dict[str, Any]) -> Group:
        members = data.pop("members", None)
        return self._filled(super().update(group, data), members)

    def _filled(self, group: Group, members: list[User] | None) -> Group:
        if members is not None:
            by = self.context["request"].user
            groups.set_members_of(by=by, group=group, users=members)
        group.count = group.members.count()  # type: ignore[attr-defined]
        return group


class GroupViewSet(ScopedViewSet):
    """Groups of people, of platform admins. A group with an empty `source` has the `members` that are put here."""

    queryset = Group.objects.annotate(count=Count("members")).order_by("source", "name")
    serializer_class = WholeGroupSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"

    def get_serializer_class(self) -> Any:
        return GroupSerializer if self.action == "list" else WholeGroupSerializer

    def perform_destroy(self, instance: Group) -> None:
        groups.delete_group(by=self.request.user, group=instance)


class GroupMappingSerializer(serializers.ModelSerializer):
    """What a group (by its id) gives its people in a team. Group and team stay; groups make no owners."""

    group = serializers.PrimaryKeyRelatedField(queryset=Group.objects.all())
    team = VisibleField(slug_field="slug", queryset=Team.objects.all())
    group_name = serializers.CharField(source="group", read_only=True)
    custom_role = CustomRoleField()

    class Meta:
        model = GroupMapping
        fields = ("id", "group", "group_name", "team", "role", "custom_role")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            stored = {"group": self.instance.group, "team": self.instance.team}
            if moved := [name for name, row in stored.items() if attrs.get(name, row) != row]:
                raise serializers.ValidationError({name: "It stays." for name in moved})
        return put_chosen_role(self, attrs, team=attrs.get("team") or self.instance.team)

    def create(self, data: dict[str, Any]) -> GroupMapping:
        return self._mapped(data, data["group"], data["team"])

    def update(self, mapping: GroupMapping, data: dict[str, Any]) -> GroupMapping:
        if "role" not in data and "custom_role" not in data:
            return mapping
        data.setdefault("role", mapping.role)
        return self._mapped(data, mapping.group, mapping.team)

    def _mapped(self, data: dict[str, Any], group: Group, team: Team) -> GroupMapping:
        return groups.map_group(
            by=self.context["request"].user,
            group=group,
            team=team,
            role=data.get("role", "member"),
            custom_role=data.get("custom_role"),
        )


class GroupMappingViewSet(ScopedViewSet):
    """Which groups give what in which team. Adding, changing and removing one reaches their people at once."""

    queryset = GroupMapping.objects.select_related("group", "team", "custom_role")
    serializer_class = GroupMappingSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def perform_destroy(self, instance: GroupMapping) -> None:
        groups.unmap_group(by=self.request.user, mapping=instance)
