"""How the reader wants to see the portal: light, dark, or as their system does. Kept in a cookie, by the server."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.errors import Refusal

COOKIE = "gatehouse_theme"
THEMES = ("light", "dark")
SYSTEM = "system"
A_YEAR = 365 * 24 * 60 * 60


def look(request: HttpRequest) -> dict[str, str]:
    """For all templates: `theme` is light, dark, or empty where the system decides."""
    chosen = request.COOKIES.get(COOKIE, "")
    return {"theme": chosen if chosen in THEMES else ""}


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Sets or forgets the cookie and goes back to `next`, a path of this portal only. Open to everybody."""
    chosen = request.POST.get("theme", "")
    if chosen not in (*THEMES, SYSTEM):
        raise Refusal("validation_failed")
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        back, {request.get_host()}, require_https=request.is_secure()
    )
    response = HttpResponseRedirect(back if safe else "/")
    if chosen == SYSTEM:
        response.delete_cookie(COOKIE, samesite="Lax")
    else:
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=A_YEAR,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response
