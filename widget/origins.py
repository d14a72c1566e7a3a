"""Which pages may speak to the widget's endpoints. Denied unless a widget names the page's host."""

import re
from typing import Any

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.http import HttpRequest

from portal.errors import Refusal
from widget.models import Widget, all_allowed_domains

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+)(?::[0-9]{1,5})?")


def host_of(origin: str) -> str:
    """The host of an origin as browsers write it; empty for anything else (`null`, user names, a path)."""
    found = _ORIGIN.fullmatch(origin)
    return found[1] if found else ""


def matches(host: str, domain: str) -> bool:
    """Exact, or any subdomain of `*.example.com` (not `example.com` itself)."""
    if domain.startswith("*."):
        return host.endswith(domain[1:]) and len(host) > len(domain) - 1
    return host == domain


def is_portal(request: HttpRequest, origin: str) -> bool:
    """Whether the page is the portal's own, by its configured address or the one that was asked."""
    return origin in {settings.BASE_URL, f"{request.scheme}://{request.get_host()}"} - {""}


def allows(widget: Widget, origin: str) -> bool:
    """Whether the widget names the page's host. An empty list names none."""
    return names(widget.allowed_domains, origin)


def names(domains: list[str], origin: str) -> bool:
    host = host_of(origin)
    return bool(host) and any(matches(host, domain) for domain in domains)


def are_wider(before: Any, after: Any) -> bool:
    """Whether pages may show a widget, or its project, that could not before. One that is off is shown nowhere."""
    if after is None or not after.is_active:
        return False
    was_shown = before is not None and before.is_active and before.project_id == after.project_id
    known = before.allowed_domains if was_shown else []
    return not all(_is_covered(domain, known) for domain in after.allowed_domains)


def _is_covered(domain: str, known: list[str]) -> bool:
    """By the same domain, or by all below another: `*.a.example.com` by `*.example.com`."""
    bare = domain.removeprefix("*.")
    return any(domain == one or (one.startswith("*.") and bare.endswith(one[1:])) for one in known)


def require(widget: Widget, request: HttpRequest) -> str:
    """The request's origin: a page the widget names, or the portal's own, for previews.

    Raises `origin_not_allowed` for any other, and where there is none.
    """
    origin = request.headers.get("Origin", "")
    if not (is_portal(request, origin) or allows(widget, origin)):
        raise Refusal("origin_not_allowed")
    return origin


def _some_widget_allows(sender: Any, request: HttpRequest, **_: Any) -> bool:
    """For django-cors-headers, whose signal opens *any* path: the widget's own are asked for here.

    A preflight names no widget: any may allow it, and the request itself asks its own.
    """
    if not re.match(settings.CORS_URLS_REGEX, request.path_info):
        return False
    origin = request.headers.get("Origin", "")
    if is_portal(request, origin):
        return True
    if not host_of(origin):
        return False
    return any(names(domains, origin) for domains in all_allowed_domains())


def install() -> None:
    check_request_enabled.connect(_some_widget_allows, dispatch_uid="widget")
