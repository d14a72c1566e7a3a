"""A team's branding in the API: its name, colours and logo, for those who see the team's pages."""

import base64
import binascii
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import gettext as _
from rest_framework import serializers

from teams.branding import logo_address
from teams.logos import MAX_BYTES, taken
from teams.models import Branding


class BrandingSerializer(serializers.ModelSerializer):
    """`logo` is sent as base64 of an SVG, PNG, JPEG, WebP or GIF file, null or empty to remove it; it comes back as the
    address of the picture that was made of it, or null. A colour that cannot be read is refused with the measured ratio.
    """

    logo = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_BYTES * 4 // 3 + 4
    )

    class Meta:
        model = Branding
        fields = ("app_name", "accent", "accent_dark", "logo", "logo_kind")
        read_only_fields = ("logo_kind",)

    def to_representation(self, instance: Branding) -> dict[str, Any]:
        return {
            "app_name": instance.app_name,
            "accent": instance.accent,
            "accent_dark": instance.accent_dark,
            "logo": logo_address(instance) or None,
            "logo_kind": instance.logo_kind,
        }

    def validate_logo(self, value: str | None) -> Any:
        if not value:
            return None
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError(_("Send the file as base64.")) from None
        upload = SimpleUploadedFile("logo", b"")
        upload.file, upload.size = BytesIO(data), len(data)
        return taken(upload)
