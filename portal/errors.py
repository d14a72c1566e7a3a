"""The one table of errors: what a code means in HTTP and in words, and the body that says so at every door."""

import logging
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf

from portal.context import current
from portal.keyring import Unreadable

logger = logging.getLogger("portal.errors")
INSUFFICIENT_PRIVILEGE = "42501"  # PostgreSQL's code, also for a row that a policy refuses
JSON_PREFIXES = ("/api/", "/v1/", "/widget/v1/", "/permissions/")


@dataclass(frozen=True, slots=True)
class Meaning:
    """`type` follows the OpenAI API's families, so that its clients raise their fitting error class."""

    status: int
    type: str
    words: Any


_INVALID, _AUTH, _DENIED = "invalid_request_error", "authentication_error", "permission_error"
_LIMIT, _PROVIDER, _INTERNAL = "rate_limit_error", "provider_error", "internal_error"

ERRORS: dict[str, Meaning] = {
    "invalid_request": Meaning(400, _INVALID, _("The request could not be understood.")),
    "invalid_encoding": Meaning(400, _INVALID, _("The request is not valid UTF-8.")),
    "not_authenticated": Meaning(401, _AUTH, _("Sign in or send a key.")),
    "invalid_credentials": Meaning(401, _AUTH, _("These credentials are not valid.")),
    "second_factor_required": Meaning(401, _AUTH, _("A second factor is required.")),
    "budget_exceeded": Meaning(402, _LIMIT, _("The budget for this month is spent.")),
    "permission_denied": Meaning(403, _DENIED, _("You may not do this.")),
    "key_blocked": Meaning(403, _DENIED, _("This key is blocked.")),
    "address_blocked": Meaning(403, _DENIED, _("This address may not use the portal.")),
    "origin_not_allowed": Meaning(403, _DENIED, _("This site may not use the widget.")),
    "fresh_authentication_required": Meaning(403, _DENIED, _("Confirm who you are first.")),
    "not_found": Meaning(404, _INVALID, _("There is nothing here.")),
    "method_not_allowed": Meaning(405, _INVALID, _("This method is not supported here.")),
    "conflict": Meaning(409, _INVALID, _("This conflicts with something that exists.")),
    "idempotency_in_progress": Meaning(409, _INVALID, _("The same request is still running.")),
    "too_large": Meaning(413, _INVALID, _("The request is too large.")),
    "unsupported_media_type": Meaning(415, _INVALID, _("Send JSON.")),
    "validation_failed": Meaning(422, _INVALID, _("Some fields are not valid.")),
    "idempotency_mismatch": Meaning(422, _INVALID, _("This key was used for another request.")),
    "rate_limited": Meaning(429, _LIMIT, _("Too many requests; try again in a moment.")),
    "temporarily_blocked": Meaning(429, _LIMIT, _("Blocked for a while after too many tries.")),
    "too_many_attempts": Meaning(429, _LIMIT, _("Too many failed attempts; try again later.")),
    "content_unreadable": Meaning(
        500, _INTERNAL, _("Something stored here cannot be decrypted: its key is missing or wrong.")
    ),
    "internal_error": Meaning(500, _INTERNAL, _("Something went wrong on our side.")),
    "provider_error": Meaning(502, _PROVIDER, _("The model's provider failed to answer.")),
    "provider_circuit_open": Meaning(503, _PROVIDER, _("The model's provider is recovering.")),
    "guard_unavailable": Meaning(503, _INTERNAL, _("A guard could not check this text.")),
    "audit_unavailable": Meaning(503, _INTERNAL, _("The audit trail cannot be written.")),
    "unavailable": Meaning(503, _INTERNAL, _("The portal is not available right now.")),
    "provider_timeout": Meaning(504, _PROVIDER, _("The model's provider took too long.")),
}


class Refusal(Exception):
    """Raised anywhere to say no. `code` is a line of `ERRORS`; `retry_after` is in seconds, rounded up."""

    def __init__(
        self,
        code: str,
        message: Any = None,
        *,
        retry_after: float | None = None,
        fields: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.meaning = ERRORS[code]
        self.code = code
        self.message = message or self.meaning.words
        self.retry_after = None if retry_after is None else max(1, -int(-retry_after // 1))
        self.fields = fields
        self.headers = headers or {}
        super().__init__(code)

    @property
    def status(self) -> int:
        return self.meaning.status


def error_body(refusal: Refusal) -> dict[str, Any]:
    """`{"error": {"message", "type", "code", "request_id"}}`, and `fields` where some are at fault."""
    error: dict[str, Any] = {
        "message": str(refusal.message),
        "type": refusal.meaning.type,
        "code": refusal.code,
        "request_id": current().request_id,
    }
    if refusal.fields:
        error["fields"] = refusal.fields
    return {"error": error}


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(JSON_PREFIXES)


def error_response(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The refusal in the language of the door: the contract's JSON for interfaces, a page for people."""
    response: HttpResponse
    if wants_json(request):
        response = JsonResponse(error_body(refusal), status=refusal.status)
    else:
        response = _page(request, refusal)
    response.code = refusal.code  # type: ignore[attr-defined]  # for the trail
    return with_headers(response, refusal)


def _page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The error page; in plain words where even that cannot be drawn, as without sessions or templates."""
    request_id = current().request_id
    context = {"refusal": refusal, "request_id": request_id}
    try:
        return render(request, "error.html", context, status=refusal.status)
    except Exception:
        logger.exception("the error page could not be drawn")
        words = f"{refusal.message} ({request_id})"
        return HttpResponse(words, content_type="text/plain; charset=utf-8", status=refusal.status)


def with_headers(response: HttpResponse, refusal: Refusal) -> HttpResponse:
    for name, value in refusal.headers.items():
        response[name] = value
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="gatehouse"'
    response["Cache-Control"] = "no-store"
    return response


def as_refusal(error: Exception) -> Refusal | None:
    """The refusal that a known exception of Django or DRF stands for; None for what is our own fault."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, (Http404, drf.NotFound)):
        return Refusal("not_found")
    if isinstance(error, (PermissionDenied, drf.PermissionDenied)):
        return Refusal("permission_denied")
    if isinstance(error, drf.NotAuthenticated):
        return Refusal("not_authenticated")
    if isinstance(error, drf.AuthenticationFailed):
        return Refusal("invalid_credentials")
    if isinstance(error, drf.ValidationError):
        return Refusal("validation_failed", fields=_fields(error.detail))
    if isinstance(error, drf.ParseError):
        return Refusal("invalid_request")
    if isinstance(error, drf.UnsupportedMediaType):
        return Refusal("unsupported_media_type")
    if isinstance(error, drf.MethodNotAllowed):
        return Refusal("method_not_allowed")
    if isinstance(error, drf.Throttled):
        return Refusal("rate_limited", retry_after=error.wait)
    if isinstance(error, drf.APIException) and error.status_code < 500:
        return Refusal("invalid_request")
    if isinstance(error, Unreadable):
        logger.error("unreadable: %s", error)
        return Refusal("content_unreadable")
    if isinstance(error, DatabaseError) and _is_denied(error):
        logger.warning("row-level security refused what the code did not")
        return Refusal("permission_denied")
    return None


def _is_denied(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == INSUFFICIENT_PRIVILEGE


def _fields(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}
