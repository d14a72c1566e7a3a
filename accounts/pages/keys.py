"""One's own API keys."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import actions, fresh
from accounts.forms import KeyForm
from accounts.models import Key
from portal.errors import Refusal


def _own_keys(request: HttpRequest) -> Any:
    if request.user.is_restricted:
        raise Refusal("permission_denied", _("Your account may not have keys."))
    return Key.objects.filter(user=request.user)


@never_cache
@login_required
@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    return render(request, "account/keys.html", {"keys": _own_keys(request), "form": KeyForm()})


@never_cache
@login_required
@require_POST
def create_key(request: HttpRequest) -> HttpResponse:
    """Shows the new key this once; it is stored nowhere, so a reload shows an empty form."""
    fresh.require(request)
    rows, form = _own_keys(request), KeyForm(request.POST)
    plaintext = ""
    if form.is_valid():
        _key, plaintext = actions.create_key(
            by=request.user,
            user=request.user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at(),
        )
        form = KeyForm()
    context = {"keys": rows, "form": form, "plaintext": plaintext}
    return render(request, "account/keys.html", context, status=200 if plaintext else 422)


@login_required
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    key = get_object_or_404(_own_keys(request), public_id=public_id)
    actions.revoke_key(by=request.user, key=key)
    messages.success(request, _("The key is revoked."))
    return redirect("account_keys")
