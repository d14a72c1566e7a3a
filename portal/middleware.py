"""What every request passes: its id and address, the size and encoding checks, and errors in the contract's words."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from portal.addresses import client_address
from portal.context import ANONYMOUS, RequestContext, entered
from portal.errors import Refusal, as_refusal, error_response, wants_json

logger = logging.getLogger("portal.requests")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Outermost: names the request, opens its context, sets `X-Request-ID` on every answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = client_address(request.META)
        context = RequestContext(
            address=address,
            method=request.method or "",
            path=request.path[:500],
            actor=ANONYMOUS,
        )
        request.client_address = address  # type: ignore[attr-defined]
        request.request_id = context.request_id  # type: ignore[attr-defined]
        with entered(context):
            response = self.get_response(request)
        response["X-Request-ID"] = context.request_id
        return response


class ErrorMiddleware:
    """Turns refusals, and Django's own errors at the interfaces' doors, into the contract's body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal = self._refused(request)
        response = error_response(request, refusal) if refusal else self.get_response(request)
        if (
            response.status_code in STATUS_CODES
            and wants_json(request)
            and not getattr(response, "streaming", False)
            and "json" not in response.get("Content-Type", "")
        ):
            return error_response(request, Refusal(STATUS_CODES[response.status_code]))
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = as_refusal(error)
        if refusal is None and isinstance(error, RequestDataTooBig):
            refusal = Refusal("too_large")
        if refusal is None and isinstance(error, UnicodeDecodeError | SuspiciousOperation):
            refusal = Refusal("invalid_request")
        if refusal is not None:
            return error_response(request, refusal)
        return None

    def _refused(self, request: HttpRequest) -> Refusal | None:
        if "%00" in request.META.get("QUERY_STRING", ""):  # PostgreSQL stores and compares no NUL
            return Refusal("invalid_request")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit():
            return Refusal("invalid_request")
        if int(length) > settings.MAX_BODY_BYTES:
            return Refusal("too_large")
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
