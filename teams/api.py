"""The resources `teams`, `memberships` and `grants`."""

from contextlib import ExitStack
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import fresh
from accounts.models import User
from portal import sensitive
from portal.api import ScopedViewSet
from portal.errors import Refusal
from portal.models import Model
from portal.taken_slugs import STAYS
from portal.tenancy import scope_of, tenant
from teams import actions, newcomers, removal_actions
from teams.api_fields import CustomRoleField, NewcomerField, VisibleField, put_chosen_role
from teams.branding import branding_of
from teams.branding_actions import change_branding
from teams.branding_api import BrandingSerializer
from teams.models import Grant, Membership, Team
from teams.models.teams import LIMITS
from teams.ties import ties

OF_THE_DOORS = ("allowed_addresses", "second_factor_required")


class TeamSerializer(serializers.ModelSerializer):
    """What limits the team is set by platform admins; what it spent is null for who may not see all of its usage."""

    archived_at = serializers.DateTimeField(
        source="archive.archived_at", read_only=True, default=None, allow_null=True
    )
    spent_this_month = serializers.SerializerMethodField()
    remaining_this_month = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = (
            *("slug", "name", "allowed_addresses", "second_factor_required", *LIMITS),
            *("spent_this_month", "remaining_this_month", "created_at", "archived_at"),
        )
        read_only_fields = ("created_at",)

    def to_representation(self, team: Team) -> dict[str, Any]:
        """How its doors are kept is for those whose role views the team's settings."""
        shown = super().to_representation(team)
        may = self.context["request"].user.has_perm("teams.view_team", team)
        return {name: value for name, value in shown.items() if may or name not in OF_THE_DOORS}

    def get_spent_this_month(self, team: Team) -> str | None:
        month = ties().month(team)
        return None if month is None else f"{month.spent:.6f}"

    def get_remaining_this_month(self, team: Team) -> str | None:
        """Null without a budget too."""
        month = ties().month(team)
        return None if month is None or month.remaining is None else f"{month.remaining:.6f}"

    def validate_slug(self, slug: str) -> str:
        if self.instance is not None and slug != self.instance.slug:
            raise serializers.ValidationError(STAYS)
        return slug

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
    queryset = Team.objects.select_related("archive")
    deeds = {
        "archive": "teams.archive_team",
        "unarchive": "teams.archive_team",
        "branding": "teams.change_branding",
    }
    serializer_class = TeamSerializer
    lookup_field = "slug"
    read_scope = "teams:read"
    write_scope = "teams:write"

    def get_queryset(self) -> QuerySet:
        return ties().joined(super().get_queryset(), self.request.user)

    def perform_destroy(self, instance: Team) -> None:
        """With all that is its own; after fresh authentication, and so never by key."""
        sensitive.require_removal(self.request._request, [instance])
        removal_actions.delete_team(by=self.request.user, team=instance)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, slug: str) -> Response:
        """Nobody works in it or through it any more; all of its people are signed out. Platform admins undo it."""
        removal_actions.archive_team(by=request.user, team=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, slug: str) -> Response:
        """Its people are in it again, as what they were."""
        removal_actions.unarchive_team(by=request.user, team=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=BrandingSerializer(partial=True), responses=BrandingSerializer)
    @action(detail=True, methods=["get", "patch"])
    def branding(self, request: Request, slug: str) -> Response:
        """How its pages look, for those who see them; what is not named in a change stays."""
        team = self.get_object()
        if request.method != "PATCH":
            return Response(BrandingSerializer(branding_of(team)).data)
        asked = BrandingSerializer(branding_of(team), data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        changed = change_branding(by=request.user, team=team, **asked.validated_data)
        return Response(BrandingSerializer(changed).data)


class MembershipSerializer(serializers.ModelSerializer):
    """`user` is an e-mail address, of somebody whom one sees or of any active account; what names nobody counts, and 30 at
    once are too many. Nobody gives or changes a role that may more than theirs; owners are owners' business.

    `custom_role` is one of the team's own, by name or id; its base becomes the role. What groups gave (`from_groups`)
    changes with them.
    """

    team = VisibleField(slug_field="slug", queryset=Team.objects.all())
    user = NewcomerField(slug_field="email", queryset=User.objects.all())
    custom_role = CustomRoleField()

    class Meta:
        model = Membership
        fields = ("id", "team", "user", "role", "custom_role", "from_groups")
        read_only_fields = ("from_groups",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None and set(attrs) - {"role", "custom_role"}:
            raise Refusal("validation_failed", fields={"role": ["Only the role can change."]})
        return put_chosen_role(self, attrs, team=attrs.get("team") or self.instance.team)

    def create(self, data: dict[str, Any]) -> Membership:
        return actions.add_member(by=self.context["request"].user, **data)

    def update(self, membership: Membership, data: dict[str, Any]) -> Membership:
        """Without a word of the custom role it stays while the role does, and goes with it."""
        role = data.get("role", membership.role)
        custom = data.get(
            "custom_role", membership.custom_role if role == membership.role else None
        )
        by = self.context["request"].user
        return actions.change_role(by=by, membership=membership, role=role, custom_role=custom)


class MembershipViewSet(ScopedViewSet):
    """Opens its transactions itself: how many unseen addresses somebody named is counted outside of them."""

    own_transactions = True
    queryset = Membership.objects.select_related("team", "user", "custom_role")
    serializer_class = MembershipSerializer
    read_scope = "teams:read"
    write_scope = "teams:write"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self.stack:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        if self.action == "create" and request.user.has_perm("teams.add_membership"):
            sent = request.data
            address = sent.get("user") if isinstance(sent, dict) else None
            self.attempt = newcomers.attempt(by=request.user, address=address)
        self.stack.enter_context(tenant(scope_of(request.user)))
        super().initial(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        super().perform_create(serializer)
        self.attempt.succeeded()

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
