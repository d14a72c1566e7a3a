"""Deeds on how a team's pages look: keyword-only, atomic, in the trail."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.errors import Refusal
from portal.staying_rows import lock
from teams.branding import branding_of
from teams.logos import Logo
from teams.models import Branding, Team

_SAME: Any = object()


@transaction.atomic
def change_branding(
    *,
    by: Any,
    team: Team,
    app_name: str = _SAME,
    accent: str = _SAME,
    accent_dark: str = _SAME,
    logo: Logo | None = _SAME,
) -> Branding:
    """What is not named stays. Raises `Refusal("validation_failed")` for colours that cannot be read."""
    lock(team)
    branding = branding_of(team)
    if logo is not _SAME:
        branding.set_logo(logo.data if logo else b"", logo.kind if logo else "")
    wanted = {"app_name": app_name, "accent": accent, "accent_dark": accent_dark}
    for name, value in wanted.items():
        if value is not _SAME:
            setattr(branding, name, value)
    try:
        branding.save()
    except ValidationError as error:
        raise Refusal("validation_failed", fields=error.message_dict) from None
    return branding
