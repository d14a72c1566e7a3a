"""Every route is classed, and its class says who may knock at all; what they may do there is asked behind the door.

`classed(RouteClass.PUBLIC, [...])` marks the patterns of a list and all below them; the nearest mark counts. A route
without one fails `manage.py check`, and is closed.
"""

from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver

from portal.addresses import is_within
from portal.errors import Refusal

CHAT_ONLY = frozenset(["chat", "conversations:read"])


class RouteClass(Enum):
    PUBLIC = "public"  # everybody: sign-in, probes, static files, the widget's visitors
    CLIENT_API = "client api"  # people and keys at their daily work
    MANAGEMENT = "management"  # the console and its API: keys need a scope for it
    LOCAL_ONLY = "local only"  # the networks of PORTAL_LOCAL_NETWORKS, loopback by default


def classed(kind: RouteClass, patterns: Any) -> Any:
    """The patterns, marked; where one of them is marked already, its own mark stays."""
    for pattern in patterns:
        if not hasattr(pattern, "route_class"):
            pattern.route_class = kind
    return patterns


def routes(urlconf: Any = None) -> Iterator[tuple[str, RouteClass | None, Any]]:
    """(route as `request.resolver_match.route` has it, its class, the view) of everything that answers."""
    yield from _below(get_resolver(urlconf).url_patterns, "", None)


def _below(
    patterns: Any, before: str, above: RouteClass | None
) -> Iterator[tuple[str, RouteClass | None, Any]]:
    for pattern in patterns:
        kind = getattr(pattern, "route_class", above)
        # As Django itself joins them: a regular expression's anchor counts only where a route begins.
        own = str(pattern.pattern)
        route = before + (own.removeprefix("^") if before else own)
        if isinstance(pattern, URLResolver):
            yield from _below(pattern.url_patterns, route, kind)
        elif isinstance(pattern, URLPattern):
            yield route, kind, pattern.callback


@cache
def _classes(urlconf: Any) -> dict[str, RouteClass | None]:
    return {route: kind for route, kind, _view in routes(urlconf)}


def class_of(request: HttpRequest) -> RouteClass | None:
    """The class of the route that was found for this request."""
    match = request.resolver_match
    urlconf = getattr(request, "urlconf", settings.ROOT_URLCONF)
    return _classes(urlconf).get(match.route) if match else None


def require_open(request: HttpRequest) -> None:
    """Raises `not_found` for an unclassed route, and for a local one that is asked from elsewhere."""
    kind = class_of(request)
    local = kind is RouteClass.LOCAL_ONLY
    address = request.client_address  # type: ignore[attr-defined]
    if kind is None or (local and not is_within(address, settings.LOCAL_NETWORKS)):
        raise Refusal("not_found")


def require_scope(request: HttpRequest, scopes: frozenset[str]) -> None:
    """Raises `permission_denied` for a key that may only chat at a management route, whatever is behind it."""
    if class_of(request) is RouteClass.MANAGEMENT and scopes and scopes <= CHAT_ONLY:
        raise Refusal("permission_denied")
