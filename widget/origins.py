"""Which pages may speak to the widget's endpoints. Denied unless a widget names the page's host."""

from typing import Any
from urllib.parse import urlsplit

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.http import HttpRequest

from portal.errors import Refusal
from widget.models import Widget


def host_of(origin: str) -> str:
    """The host of a web origin, in lower case; empty for anything else (`null`, other schemes, a path)."""
    parts = urlsplit(origin)
    try:
        exact = f"{parts.scheme}://{parts.netloc}" == origin
        host = parts.hostname or ""
    except ValueError:
        return ""
    return host.lower() if exact and parts.scheme in ("http", "https") else ""


def matches(host: str, domain: str) -> bool:
    """Exact, or any subdomain of `*.example.com` (not `example.com` itself)."""
    if domain.startswith("*."):
        return host.endswith(domain[1:]) and len(host) > len(domain) - 1
    return host == domain


def allows(widget: Widget, origin: str) -> bool:
    """The widget's domains, and always the portal's own address, for previews."""
    host = host_of(origin)
    if not host:
        return False
    if settings.BASE_URL and origin == settings.BASE_URL:
        return True
    return any(matches(host, domain) for domain in widget.allowed_domains)


def require(widget: Widget, request: HttpRequest) -> str:
    """The request's origin; `origin_not_allowed` if there is none or the widget does not name it."""
    origin = request.headers.get("Origin", "")
    if not allows(widget, origin):
        raise Refusal("origin_not_allowed")
    return origin


def _some_widget_allows(sender: Any, request: HttpRequest, **_: Any) -> bool:
    """For django-cors-headers. A preflight names no widget: any may allow it, the request itself asks its own."""
    origin = request.headers.get("Origin", "")
    if not host_of(origin):
        return False
    widgets = Widget.objects.filter(is_active=True).only("allowed_domains")
    return any(allows(widget, origin) for widget in widgets.iterator())


def install() -> None:
    check_request_enabled.connect(_some_widget_allows, dispatch_uid="widget")
