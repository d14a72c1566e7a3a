"""What a door refused, and what broke, leaves an entry of its own, whatever was rolled back."""

import logging
from collections.abc import Callable

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from audit import trail
from audit.models import DONE, Entry
from audit.strangers import strangers
from portal.context import current
from portal.errors import Refusal, error_response
from portal.tenancy import EVERYTHING, tenant

logger = logging.getLogger("audit.requests")
SAFE = frozenset(["GET", "HEAD", "OPTIONS", "TRACE"])
REFUSED, FAILED = 400, 500


class OutcomeMiddleware:
    """Outside of every transaction of the request, so that its entry stays when all else is undone.

    Written is what was to change something and was not (any status from 400 on), and whatever broke (from 500 on, a
    look too), once a request: not again where an entry of its own says so already, as an exchange's, a sign-in's or an
    impersonation's does. What cannot be written is not answered as if it were: the answer is `audit_unavailable`.
    Addresses that are no door leave nothing, and strangers a bounded number (`audit.strangers`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        refusal = getattr(request, "told_refusal", None)  # that a page tells in its own words
        status = response.status_code if refusal is None else refusal.status
        least = FAILED if request.method in SAFE else REFUSED
        if status < least or not _is_door(request):
            return response
        try:
            with tenant(EVERYTHING, atomic=True):
                _record(status, refusal.code if refusal else getattr(response, "code", ""))
        except (Refusal, Error):
            logger.exception("the outcome of a request could not be recorded")
            if status < FAILED:
                return error_response(request, Refusal("audit_unavailable"))
        return response


def _record(status: int, code: str) -> None:
    context = current()
    said = Entry.objects.filter(request_id=context.request_id).exclude(outcome=DONE)
    left_out: int | None = 0
    if context.actor.kind == "anonymous":
        left_out = strangers.admit(context.address)
    if left_out is None:
        return
    if said.exists():
        strangers.give_back(left_out)
        return
    action = "request_refused" if status < FAILED else "request_failed"
    changes = {"left_out": [None, left_out]} if left_out else {}
    trail.record(action=action, status=status, reason=code, changes=changes)


def _is_door(request: HttpRequest) -> bool:
    """What was refused before its route was looked up is asked here."""
    if request.resolver_match is not None:
        return True
    try:
        resolve(request.path_info)
    except Resolver404:
        return False
    return True
