"""What a door answers with when its deed needs a second person: the page that asks for the reason, or 202."""

from typing import Any
from urllib.parse import unquote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import two_person
from accounts.pending_words import steps_in_words
from portal import weakenings
from portal.errors import Refusal, wants_json
from portal.weakenings import Step

FIELD = "two_person_reason"
HEADER = "X-Change-Reason"


def propose_or_ask(request: HttpRequest, steps: list[Step], model: Any, key: Any) -> HttpResponse:
    """A program sends its reason in a header; a person is asked for it, and the form that they sent is kept so long."""
    if wants_json(request):
        reason = unquote(request.headers.get(HEADER, ""))
        return _accepted(_proposed(request, steps, model, key, reason))
    if request.FILES:
        raise Refusal("conflict", _("Send files apart from what needs a second person."))
    given, fields = request.POST.get(FIELD), {}
    if given is not None:
        try:
            change = _proposed(request, steps, model, key, given)
        except Refusal as refusal:
            if refusal.code != "validation_failed":
                raise
            fields = refusal.fields or {}
        else:
            messages.warning(request, _("Nothing was changed yet: this waits for a second person."))
            return redirect("admin:accounts_pendingchange_change", change.pk)
    return _ask(request, steps, given or "", fields)


def _proposed(
    request: HttpRequest, steps: list[Step], model: Any, key: Any, reason: str
) -> two_person.PendingChange:
    by = two_person.acting_person(request)
    return two_person.propose(by=by, steps=steps, reason=reason, model=model, key=key)


def _accepted(change: two_person.PendingChange) -> HttpResponse:
    body = {
        "pending_change": change.uid,
        "url": reverse("pending-change-detail", args=[change.uid]),
        "expires_at": change.expires_at.isoformat(),
        "message": _("Nothing was changed yet: this waits for a second person."),
    }
    return JsonResponse(body, status=202, headers={"Location": body["url"]})


def _ask(
    request: HttpRequest, steps: list[Step], given: str, fields: dict[str, Any]
) -> HttpResponse:
    from django.contrib import admin

    kept = [two_person.as_content(step) for step in steps]
    context = {
        **admin.site.each_context(request),
        "title": _("A second person has to agree"),
        "crumb": _("A second person has to agree"),
        "steps": steps_in_words(kept, request.user),
        "again": [
            (name, value)
            for name, values in request.POST.lists()
            if name not in ("csrfmiddlewaretoken", FIELD)
            for value in values
        ],
        "action": request.get_full_path(),
        "given": given,
        "field": FIELD,
        "mistakes": fields.get("reason", []),
        "least": two_person.SHORTEST_REASON,
        "most": two_person.LONGEST_REASON,
        "days": two_person.LIFETIME.days,
    }
    return TemplateResponse(request, "admin/accounts/propose.html", context)


def install() -> None:
    weakenings.register_proposer(propose_or_ask)
