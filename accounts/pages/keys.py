"""One's own API keys."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import actions, fresh
from accounts.key_forms import KeyForm, RotationForm
from accounts.key_ties import ties
from accounts.models import Key
from accounts.scopes import SCOPES
from portal.errors import Refusal


def _own_keys(request: HttpRequest) -> Any:
    if request.user.is_restricted:
        raise Refusal("permission_denied", _("Your account may not have keys."))
    return Key.objects.filter(user=request.user)


def _page(
    request: HttpRequest,
    form: KeyForm,
    *,
    plaintext: str = "",
    renewed: Key | None = None,
    status: int = 200,
) -> HttpResponse:
    """The keys, what they may, and what is shown this once."""
    rows = list(ties().joined(_own_keys(request), request.user))
    context = {
        "rows": [
            {
                "key": key,
                "projects": ties().projects(key),
                "spent": ties().spent(key),
                "rotation": RotationForm(
                    initial={"last_four": key.last_four}, auto_id=f"rotate-{key.public_id}-%s"
                ),
            }
            for key in sorted(rows, key=lambda key: not key.is_live)
        ],
        "form": form,
        "plaintext": plaintext,
        "renewed": renewed,
        "scopes": SCOPES,
        "is_fresh": fresh.is_fresh(request),
        "confirm": f"{reverse('account_confirm')}?{urlencode({'next': reverse('account_keys')})}",
    }
    return render(request, "account/keys.html", context, status=status)


@never_cache
@login_required
@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    return _page(request, KeyForm(request.user))


@never_cache
@login_required
@require_POST
def create_key(request: HttpRequest) -> HttpResponse:
    """Shows the new key this once; it is stored nowhere."""
    _own_keys(request)
    fresh.require(request)
    form = KeyForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    _key, plaintext = actions.create_key(by=request.user, user=request.user, **form.wanted())
    return _page(request, KeyForm(request.user), plaintext=plaintext)


@never_cache
@login_required
@require_POST
def rotate_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """Shows the new secret this once. The form names the secret that its page showed: a second click is refused."""
    key = get_object_or_404(_own_keys(request), public_id=public_id)
    fresh.require(request)
    form = RotationForm(request.POST)
    if not form.is_valid():
        raise Refusal("validation_failed", fields=dict(form.errors))
    renewed, plaintext = actions.rotate_key(
        by=request.user, key=key, overlap=form.span, last_four=form.cleaned_data["last_four"]
    )
    return _page(request, KeyForm(request.user), plaintext=plaintext, renewed=renewed)


@login_required
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    key = get_object_or_404(_own_keys(request), public_id=public_id)
    actions.revoke_key(by=request.user, key=key)
    messages.success(request, _("The key is revoked."))
    return redirect("account_keys")
