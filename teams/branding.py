"""How a team's own pages look: name, accent and logo of the team, the platform's where the team set none."""

import hashlib
from dataclasses import dataclass

from csp.constants import HEADER
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from teams.colours import Palette, palette
from teams.logos import CONTENT_TYPES
from teams.models import Branding, Team

KEPT = "private, max-age=31536000, immutable"
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


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
        stylesheet=reverse("branding_css", args=[team.slug, digest(branding)])
        if branding.accent
        else "",
        logo=_logo_of(team, branding),
    )


def branding_of(team: Team) -> Branding:
    """The team's own, or an empty one that is not stored."""
    return Branding.objects.filter(team=team).select_related("team").first() or Branding(team=team)


def logo_address(branding: Branding) -> str:
    """Where those who see the team's pages load its logo; empty where it has none."""
    return _logo_of(branding.team, branding)


def _logo_of(team: Team, branding: Branding) -> str:
    if not branding.logo_hash:
        return ""
    return reverse("branding_logo", args=[team.slug, branding.logo_hash, branding.logo_kind])


def digest(branding: Branding) -> str:
    """Names this version of the colours, so that the stylesheet can be kept for good."""
    colours = f"{branding.accent}{branding.dark_accent}"
    return hashlib.sha256(colours.encode()).hexdigest()[:16]


def palettes_of(branding: Branding) -> dict[str, Palette]:
    """What follows from the accent on *light* and on *dark* pages, where it has one."""
    return {
        "light": palette(branding.accent, dark=False),
        "dark": palette(branding.dark_accent, dark=True),
    }


@require_safe
def stylesheet(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The team's accent as design tokens; 404 for everybody outside the team."""
    branding = _visible(request, slug)
    if not branding.accent or digest(branding) != version:
        raise Http404
    light, dark = palettes_of(branding).values()
    lines = (
        f"  --{name.replace('_', '-')}: light-dark({getattr(light, name)}, {getattr(dark, name)});"
        for name in ("accent", "accent_strong", "accent_soft", "on_accent")
    )
    css = ":root {\n" + "\n".join(lines) + "\n}\n"
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = KEPT
    return response


@require_safe
def logo(request: HttpRequest, slug: str, version: str, kind: str) -> HttpResponse:
    """The team's logo; 404 for everybody outside the team."""
    response = picture(_visible(request, slug), version, kind)
    response["Cache-Control"] = KEPT
    return response


def picture(branding: Branding, version: str, kind: str) -> HttpResponse:
    """A logo, in this version alone. As a page of its own it could run, load and frame nothing."""
    if not branding.logo_hash or (branding.logo_hash, branding.logo_kind) != (version, kind):
        raise Http404
    response = HttpResponse(bytes(branding.logo), content_type=CONTENT_TYPES[kind])
    response[HEADER] = POLICY
    return response


def _visible(request: HttpRequest, slug: str) -> Branding:
    if not request.user.is_authenticated:
        raise Http404
    teams = Team.objects.visible_to(request.user)
    found = Branding.objects.filter(team__slug=slug, team__in=teams).first()
    if found is None:
        raise Http404
    return found
