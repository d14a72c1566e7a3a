"""What every request passes: its id and address, the size and encoding checks, and errors in the contract's words."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from portal import request_limits
from portal.address_lists import is_welcome
from portal.addresses import client_address, drop_claims
from portal.context import ANONYMOUS, RequestContext, entered
from portal.errors import Refusal, as_refusal, error_response, wants_json
from portal.heard import Heard
from portal.route_classes import RouteClass, class_of, require_open

logger = logging.getLogger("portal.requests")
GetResponse = Callable[[HttpRequest], HttpResponse]


# What Django sets no header for, and what it would set had it not refused the request itself. A view that means
# otherwise has set its own (the widget's script).
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
    "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
}


class RequestContextMiddleware:
    """Outermost: names the request, opens its context, sets `X-Request-ID` and the headers that every answer has."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        drop_claims(request.META)
        address = client_address(request.META)
        context = RequestContext(
            address=address,
            agent=request.META.get("HTTP_USER_AGENT", "")[:200],
            method=request.method or "",
            path=request.path[:500],
            actor=ANONYMOUS,
            heard=Heard(request),
        )
        request.client_address = address  # type: ignore[attr-defined]
        request.request_id = context.request_id  # type: ignore[attr-defined]
        with entered(context):
            response = self.get_response(request)
        response["X-Request-ID"] = context.request_id
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure() and settings.SECURE_HSTS_SECONDS:
            response.headers.setdefault("Strict-Transport-Security", strict_transport())
        return response


def strict_transport() -> str:
    """The header as Django's own middleware words it."""
    words = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    words += ["includeSubDomains"] * settings.SECURE_HSTS_INCLUDE_SUBDOMAINS
    return "; ".join(words + ["preload"] * settings.SECURE_HSTS_PRELOAD)


class ErrorMiddleware:
    """Turns refusals, and Django's own errors at the interfaces' doors, into the contract's body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            request_limits.check(request.META)
            if request.method == "POST":
                request_limits.check_form(request.META.get("CONTENT_TYPE", ""), request)
        except Refusal as refusal:
            response = error_response(request, refusal)
        else:
            response = self.get_response(request)
        if response.status_code in STATUS_CODES and _says_nothing(request, response):
            kept = {"Allow": response["Allow"]} if "Allow" in response else {}
            return error_response(
                request, Refusal(STATUS_CODES[response.status_code], headers=kept)
            )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = as_refusal(error)
        if refusal is None and isinstance(error, request_limits.TOO_LARGE):
            refusal = Refusal("too_large")
        if refusal is None and isinstance(error, UnicodeDecodeError | SuspiciousOperation):
            refusal = Refusal("invalid_request")
        if refusal is not None:
            return error_response(request, refusal)
        return None


def _says_nothing(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether an error of Django's own is no JSON where a program asked, or blank where a person did."""
    if getattr(response, "streaming", False):
        return False
    if wants_json(request):
        return "json" not in response.get("Content-Type", "")
    return not response.content


class DoorMiddleware:
    """Asks the platform's address rules before anything answers, static files and preflights too, and the route's class
    before any view; both before anybody is known."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_welcome(request.client_address, request.path):  # type: ignore[attr-defined]
            return error_response(request, Refusal("address_blocked"))
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        try:
            require_open(request)
            address = request.client_address  # type: ignore[attr-defined]
            if class_of(request) is RouteClass.MANAGEMENT and not is_welcome(
                address, request.path, "console"
            ):
                raise Refusal("address_blocked")
        except Refusal as refusal:
            return error_response(request, refusal)
        return None


STATUS_CODES = {
    400: "invalid_request",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    500: "internal_error",
}


class PageCompressionMiddleware(GZipMiddleware):
    """Compresses pages, and pages only: an answer that streams would be held back by it.

    What an attacker could guess from the length (BREACH) is not there: CSRF tokens are masked anew in each answer,
    stored secrets are never shown, and Django adds a random length.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        kind = response.get("Content-Type", "")
        if response.streaming or not kind.startswith("text/html"):
            return response
        return super().process_response(request, response)
