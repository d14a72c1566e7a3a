"""`/api/providers/` and `/api/models/`: the platform's configuration. Secrets go in and never come out."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework import serializers

from portal.api import ScopedViewSet
from portal.encryption import is_mask, readable
from portal.models import Model, Provider
from portal.validators import validate_secret


class ProviderSerializer(serializers.ModelSerializer):
    secret = serializers.CharField(
        required=False, allow_blank=True, max_length=4000, trim_whitespace=True
    )
    extra_headers = serializers.DictField(
        child=serializers.CharField(max_length=4000), required=False
    )

    class Meta:
        model = Provider
        fields = ["slug", "name", "kind", "base_url", "region", "secret", "connect_timeout_s"]
        fields += ["read_timeout_s", "total_timeout_s", "extra_headers", "is_active"]

    def to_representation(self, instance: Provider) -> dict[str, Any]:
        """Everything; the secret and the headers' values as masks."""
        shown = {
            name: field.to_representation(field.get_attribute(instance))
            for name, field in self.fields.items()
            if name not in ("secret", "extra_headers")
        }
        headers = readable(instance, "masked_headers")
        return shown | {"secret": instance.masked_secret, "extra_headers": headers}

    def validate_secret(self, value: str) -> str:
        """Empty and the mask itself change nothing."""
        if is_mask(value):
            return ""
        try:
            validate_secret(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None
        return value

    def create(self, validated_data: dict[str, Any]) -> Provider:
        return self._saved(Provider(), validated_data)

    def update(self, instance: Provider, validated_data: dict[str, Any]) -> Provider:
        return self._saved(instance, validated_data)

    def _saved(self, provider: Provider, values: dict[str, Any]) -> Provider:
        provider.set_secret(values.pop("secret", ""))
        if "extra_headers" in values:
            values["extra_headers"] = provider.merged_headers(values["extra_headers"])
        for name, value in values.items():
            setattr(provider, name, value)
        _checked(provider)
        provider.save()
        return provider


class ModelSerializer(serializers.ModelSerializer):
    provider = serializers.SlugRelatedField(
        slug_field="slug", queryset=Provider.objects.without_secrets()
    )

    class Meta:
        model = Model
        fields = ["id", "provider", "name", "label", "kind", "input_price_per_million"]
        fields += ["output_price_per_million", "is_active"]


def _checked(row: Any) -> None:
    """The row's own rules, as DRF's error with the fields named."""
    try:
        row.full_clean()
    except ValidationError as error:
        raise serializers.ValidationError(error.message_dict) from None


class ProviderViewSet(ScopedViewSet):
    """Providers, by slug. A new `base_url` needs the `secret` in the same request."""

    queryset = Provider.objects.without_secrets().order_by("name", "id")
    serializer_class = ProviderSerializer
    lookup_field = "slug"
    read_scope = "providers:read"
    write_scope = "providers:write"


class ModelViewSet(ScopedViewSet):
    """The catalogue: for platform admins and auditors all of it, for others what their teams are granted."""

    queryset = Model.objects.select_related("provider").defer("provider__secret")
    serializer_class = ModelSerializer
    read_scope = "projects:read"
    write_scope = "providers:write"

    def get_queryset(self) -> QuerySet:
        found = super().get_queryset()
        for name, column in (("provider", "provider__slug"), ("kind", "kind")):
            if wanted := self.request.query_params.get(name):
                found = found.filter(**{column: wanted})
        return found
