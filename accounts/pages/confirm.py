"""Proving once more who one is, before what is sensitive."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts import fresh
from accounts.confirming import ConfirmForm, safe_path
from portal.errors import Refusal
from portal.tenancy import own_transactions


@own_transactions  # limits are taken outside of transactions
@never_cache
@login_required
def confirm(request: HttpRequest) -> HttpResponse:
    """Then leads on to `next`; what was sent there before is sent again by its own button."""
    if getattr(request, "impersonation", None) is not None:
        raise Refusal("permission_denied")
    sent = request.POST if request.method == "POST" else request.GET
    leads_to = safe_path(request, sent.get("next", ""))
    again = _again(request.POST.get("again", ""))
    form = ConfirmForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            fresh.prove(request, request.user, **form.cleaned_data)
        except Refusal as refusal:
            if refusal.code != "invalid_credentials":
                raise
            form.add_error(None, str(refusal.message))
        else:
            fresh.confirmed(request, request.user)
            if again is None:
                return redirect(leads_to)
            return render(request, "account/go_on.html", {"path": leads_to, "fields": again})
    context = {"form": form, "next": leads_to, "again": request.POST.get("again", "")}
    return render(request, "account/confirm.html", context)


def _again(value: str) -> list[tuple[str, str]] | None:
    """The pairs of a form that waits; None where none does."""
    try:
        found: Any = json.loads(value) if value else None
    except ValueError:
        return None
    if not isinstance(found, list):
        return None
    return [
        (str(pair[0]), str(pair[1])) for pair in found if isinstance(pair, list) and len(pair) == 2
    ]
