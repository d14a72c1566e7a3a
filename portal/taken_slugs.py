"""Slugs are unique in the installation, also beside rows that the asker does not see (decision 22)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from portal.tenancy import POSTGRESQL

TAKEN = _("This slug is taken.")
STAYS = _("A slug stays: others know the row by it.")


class UniqueSlugMixin(models.Model):
    """`slug_looker` names the SECURITY DEFINER function that knows all slugs of the table."""

    slug_looker: str

    class Meta:
        abstract = True

    def validate_unique(self, exclude: Any = None) -> None:
        super().validate_unique(exclude)
        if self._state.adding and "slug" not in (exclude or ()) and is_taken(type(self), self.slug):  # type: ignore[attr-defined]
            raise ValidationError({"slug": TAKEN})


def is_taken(model: type[UniqueSlugMixin], slug: str) -> bool:
    """Whether any row has this slug. Without policies the usual check has seen them all."""
    if connection.vendor != POSTGRESQL:
        return False
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {model.slug_looker}(%s)", [slug])
        return bool(cursor.fetchone()[0])


def refuse_taken(serializer: serializers.ModelSerializer, slug: str) -> str:
    """For `validate_slug` of a serializer: free when the row is new, and unchanged ever after."""
    if serializer.instance is not None:
        if slug != serializer.instance.slug:
            raise serializers.ValidationError(STAYS, code="invalid")
    elif is_taken(serializer.Meta.model, slug):
        raise serializers.ValidationError(TAKEN, code="unique")
    return slug
