"""How a team's own pages look: name, accent and logo of the team, the platform's where the team set none."""

import hashlib
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from teams.colours import palette
from teams.models import Branding, Team


@dataclass(frozen=True, slots=True)
class Brand:
    """What templates show: `stylesheet` and `logo` are addresses; empty where the platform's own look stays."""

    name: str
    stylesheet: str = ""
    logo: str = ""


def brand_of(team: Team) -> Brand:
    """The look of this team's pages. Costs no query where the team was fetched by `with_branding`."""
    branding = Branding.of(team)
    if branding is None:
        return Brand(_("Gatehouse"))
    return Brand(
        name=branding.app_name or _("Gatehouse"),
        stylesheet=_address("branding_css", team, digest(branding)) if branding.accent else "",
        logo=_address("branding_logo", team, branding.logo_hash) if branding.logo_hash else "",
    )


def _address(name: str, team: Team, version: str) -> str:
    return reverse(name, args=[team.slug, version])


def digest(branding: Branding) -> str:
    """Names this version of the colours, so that the stylesheet can be kept for good."""
    colours = f"{branding.accent}{branding.dark_accent}"
    return hashlib.sha256(colours.encode()).hexdigest()[:16]


@require_safe
def stylesheet(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The team's accent as design tokens; 404 for everybody outside the team."""
    branding = _visible(request, slug)
    if not branding.accent or digest(branding) != version:
        raise Http404
    light = palette(branding.accent, dark=False)
    dark = palette(branding.dark_accent, dark=True)
    lines = (
        f"  --{name.replace('_', '-')}: light-dark({getattr(light, name)}, {getattr(dark, name)});"
        for name in ("accent", "accent_strong", "accent_soft", "on_accent")
    )
    return _kept(":root {\n" + "\n".join(lines) + "\n}\n", "text/css; charset=utf-8")


@require_safe
def logo(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The team's logo as PNG; 404 for everybody outside the team."""
    branding = _visible(request, slug)
    if not branding.logo_hash or branding.logo_hash != version:
        raise Http404
    return _kept(bytes(branding.logo), "image/png")


def _visible(request: HttpRequest, slug: str) -> Branding:
    if not request.user.is_authenticated:
        raise Http404
    teams = Team.objects.visible_to(request.user)
    found = Branding.objects.filter(team__slug=slug, team__in=teams).first()
    if found is None:
        raise Http404
    return found


def _kept(body: str | bytes, kind: str) -> HttpResponse:
    response = HttpResponse(body, content_type=kind)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
