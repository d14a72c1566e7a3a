"""The resources `teams`, `memberships` and `grants`."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from accounts import fresh
from accounts.models import User
from portal.api import ScopedViewSet
from portal.errors import Refusal
from portal.models import Model
from teams import actions
from teams.models import Grant, Membership, Team
from teams.models.teams import LIMITS
from teams.ties import ties


class VisibleField(serializers.SlugRelatedField):
    """Names a row that the caller may see; what one may not see does not exist."""

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.context["request"].user)


class TeamSerializer(serializers.ModelSerializer):
    """What limits the team is set by platform admins; what it spent is null for who may not see all of its usage."""

    spent_this_month = serializers.SerializerMethodField()
    remaining_this_month = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = (
            *("slug", "name", "allowed_addresses", "second_factor_required", *LIMITS),
            *("spent_this_month", "remaining_this_month", "created_at"),
        )
        read_only_fields = ("created_at",)

    def get_spent_this_month(self, team: Team) -> str | None:
        month = ties().month(team)
        return None if month is None else f"{month.spent:.6f}"

    def get_remaining_this_month(self, team: Team) -> str | None:
        """Null without a budget too."""
        month = ties().month(team)
        return None if month is None or month.remaining is None else f"{month.remaining:.6f}"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        actions.check_limits(by=self.context["request"].user, team=self.instance, values=attrs)
        return attrs

    def update(self, team: Team, data: dict[str, Any]) -> Team:
        """Whether a second factor is demanded changes after fresh authentication only, and so never by key."""
        required = data.get("second_factor_required", team.second_factor_required)
        if required != team.second_factor_required:
            request = self.context["request"]
            actions.check_second_factor(by=request.user, team=team, required=required)
            fresh.require(request)
        return super().update(team, data)


class TeamViewSet(ScopedViewSet):
    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    lookup_field = "slug"
    read_scope = "teams:read"
    write_scope = "teams:write"

    def get_queryset(self) -> QuerySet:
        return ties().joined(super().get_queryset(), self.request.user)


class MembershipSerializer(serializers.ModelSerializer):
    """`user` is an e-mail address. Owners are made and changed by owners."""

    team = VisibleField(slug_field="slug", queryset=Team.objects.all())
    user = VisibleField(slug_field="email", queryset=User.objects.all())

    class Meta:
        model = Membership
        fields = ("id", "team", "user", "role")

    def create(self, data: dict[str, Any]) -> Membership:
        return actions.add_member(by=self.context["request"].user, **data)

    def update(self, membership: Membership, data: dict[str, Any]) -> Membership:
        if set(data) - {"role"}:
            raise Refusal("validation_failed", fields={"role": ["Only the role can change."]})
        by = self.context["request"].user
        return actions.change_role(by=by, membership=membership, **data)


class MembershipViewSet(ScopedViewSet):
    queryset = Membership.objects.select_related("team", "user")
    serializer_class = MembershipSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def perform_destroy(self, instance: Membership) -> None:
        actions.remove_member(by=self.request.user, membership=instance)


class GrantSerializer(serializers.ModelSerializer):
    """`model` is the catalogue's id."""

    team = VisibleField(slug_field="slug", queryset=Team.objects.all())
    model = serializers.PrimaryKeyRelatedField(queryset=Model.objects.all())

    class Meta:
        model = Grant
        fields = ("id", "team", "model")


class GrantViewSet(ScopedViewSet):
    """Platform admins grant; team admins see what their team has."""

    queryset = Grant.objects.select_related("team", "model")
    serializer_class = GrantSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"
    http_method_names = ["get", "head", "options", "post", "delete"]
