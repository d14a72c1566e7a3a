"""`/api/settings/`: what is set for the whole platform."""

from typing import Any

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal import platform_settings, sensitive, weakenings
from portal.api import RolePermission
from portal.errors import Refusal
from portal.models import Setting
from portal.platform_settings import SETTINGS
from portal.setting_actions import change_setting, rows_after

SOURCES = ("environment", "console", "default")


@extend_schema_field(OpenApiTypes.ANY)
class ValueField(serializers.JSONField):
    """A switch or a number, as the setting is."""


class SettingSerializer(serializers.Serializer):
    """`source` says where the value comes from; what the environment fixes by `variable` is not changed here."""

    name = serializers.CharField(read_only=True)
    group = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    about = serializers.CharField(read_only=True)
    value = ValueField(allow_null=True, help_text="Null goes back to the default.")
    default = ValueField(read_only=True)
    source = serializers.ChoiceField(choices=SOURCES, read_only=True)
    variable = serializers.CharField(read_only=True)
    least = serializers.IntegerField(read_only=True, allow_null=True)
    most = serializers.IntegerField(read_only=True, allow_null=True)


def shown(name: str) -> dict[str, Any]:
    definition = SETTINGS[name]
    return {
        "name": name,
        "group": definition.group,
        "title": str(definition.title),
        "about": str(definition.about),
        "value": platform_settings.value(name),
        "default": definition.default,
        "source": platform_settings.source_of(name),
        "variable": definition.variable,
        "least": None if definition.is_switch else definition.least,
        "most": None if definition.is_switch else definition.most,
    }


class SettingPermission(RolePermission):
    """Platform admins and auditors read; platform admins write."""

    def has_permission(self, request: Request, view: Any) -> bool:
        may_knock = super().has_permission(request, view)
        return may_knock and bool(request.user.has_perm("portal.view_setting"))

    def refuse_unseen(self, view: Any) -> None:
        """The names of settings are no secret, and no rows."""


class SettingViewSet(viewsets.GenericViewSet):
    """What holds for the whole platform. Security settings need fresh authentication, and so no key changes them."""

    queryset = Setting.objects.none()
    serializer_class = SettingSerializer
    permission_classes = [SettingPermission]
    lookup_field = "name"
    read_scope = "settings:read"
    write_scope = "settings:write"

    def list(self, request: Request) -> Response:
        """All of them, in the order of the console's page."""
        page = self.paginate_queryset(list(SETTINGS))  # type: ignore[arg-type]
        return self.get_paginated_response(
            SettingSerializer([shown(name) for name in page or ()], many=True).data
        )

    def retrieve(self, request: Request, name: str) -> Response:
        return Response(SettingSerializer(shown(self._known(name))).data)

    def partial_update(self, request: Request, name: str) -> Response:
        plain = request._request
        return weakenings.at_door(plain, lambda: self._change(request, name), model=Setting)  # type: ignore[return-value]

    def _change(self, request: Request, name: str) -> Response:
        sent = SettingSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        value = sent.validated_data["value"]
        changes = {self._known(name): None if value == SETTINGS[name].default else value}
        with transaction.atomic():
            for before, after in rows_after(changes):
                sensitive.require(request._request, Setting, before, after)
            change_setting(by=request.user, name=name, value=changes[name])
        return self.retrieve(request, name)

    def _known(self, name: str) -> str:
        if name not in SETTINGS:
            raise Refusal("not_found")
        return name
