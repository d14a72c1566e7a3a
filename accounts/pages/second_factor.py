"""One's second factor: set up, confirmed, replaced and removed; each after fresh authentication."""

from typing import Any

import django_otp
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import enrolment, factor_actions, fresh
from accounts import second_factor as factor
from accounts.forms import FirstCodeForm
from accounts.models import RecoveryDevice
from portal.tenancy import own_transactions, scope_of, tenant

_BEGUN = "factor_begun"  # in the session: only who was shown a secret can confirm it


@never_cache
@login_required
@require_GET
def second_factor(request: HttpRequest) -> HttpResponse:
    app = factor.app_of(request.user)
    context = {
        "app": app,
        "is_required": factor.is_required(request.user),
        "codes_left": factor.codes_left(request.user) if app else 0,
        "codes": RecoveryDevice.objects.filter(user=request.user).first() if app else None,
    }
    return render(request, "account/second_factor.html", context)


@login_required
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """A new app beside the one in use, which stays until the new one is confirmed."""
    fresh.require(request)
    device = factor_actions.enrol(by=request.user, user=request.user)
    request.session[_BEGUN] = device.uid
    return redirect("account_factor_set_up")


@own_transactions  # limits are taken outside of transactions
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """The QR code and a field for the first code; a right one leads to the recovery codes, which are shown this once."""
    fresh.require(request)
    user: Any = request.user
    device = factor.pending_app(user, request.session.get(_BEGUN, ""))
    if device is None:
        return redirect("account_second_factor")
    form = FirstCodeForm(request.POST or None)
    codes = None
    if request.method == "POST" and form.is_valid():
        codes = enrolment.confirmed(request, user, device, form)
    if codes is not None:
        update_session_auth_hash(request, user)
        django_otp.login(request, device)
        del request.session[_BEGUN]
        return _show_codes(request, codes)
    context = {"form": form, **enrolment.shown(user, device)}
    with tenant(scope_of(user)):
        return render(request, "account/factor_set_up.html", context)


@never_cache
@login_required
@require_POST
def new_codes(request: HttpRequest) -> HttpResponse:
    """Recovery codes in place of the former ones."""
    fresh.require(request)
    codes = factor_actions.make_recovery_codes(by=request.user, user=request.user)
    return _show_codes(request, codes)


@login_required
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    fresh.require(request)
    factor_actions.remove(by=request.user, user=request.user)
    update_session_auth_hash(request, request.user)
    request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    messages.success(request, _("Your second factor is removed; all other sessions have ended."))
    return redirect("account_second_factor")


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    with tenant(scope_of(request.user)):
        return render(request, "account/recovery_codes.html", {"codes": codes})
