"""How a widget looks: its own name, and what its team's branding says. No other team's is ever asked for."""

from typing import Any

from django.urls import reverse

from portal.tenancy import tenant
from teams.branding import palettes_of
from teams.models import Branding
from widget.models import Widget, scope_of


def look_of(widget: Widget) -> dict[str, Any]:
    """`app_name`, `colours` of the light and the dark page or null, and the address of `logo` or null."""
    with tenant(scope_of(widget.public_id)):
        branding = Branding.objects.filter(team_id=widget.project.team_id).defer("logo").first()
    if branding is None:
        return {"app_name": widget.name, "colours": None, "logo": None}
    return {
        "app_name": branding.app_name or widget.name,
        "colours": _colours(branding) if branding.accent else None,
        "logo": _logo(widget, branding) if branding.logo_hash else None,
    }


def _colours(branding: Branding) -> dict[str, dict[str, str]]:
    """The accent, and what can be read on it."""
    return {
        theme: {"accent": found.accent, "on_accent": found.on_accent}
        for theme, found in palettes_of(branding).items()
    }


def _logo(widget: Widget, branding: Branding) -> str:
    """A path: the widget's script knows where the portal is."""
    return reverse("widget:logo", args=[widget.public_id, branding.logo_hash, branding.logo_kind])
