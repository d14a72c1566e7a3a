"""The second step of signing in: a code, or the enrolment of who must have a second factor and has none.

Nobody is signed in here yet: who it is stands in the sign-in that waits in the session.
"""

from typing import Any

from allauth.account.stages import LoginStageController
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import enrolment
from accounts import second_factor as factor
from accounts.forms import CodeForm, FirstCodeForm
from accounts.sightings import known_device
from accounts.stages import SecondFactorStage
from accounts.throttle import coarse
from portal.context import Actor, acting
from portal.errors import Refusal
from portal.tenancy import own_transactions


@own_transactions  # limits are taken outside of transactions, here and below
@never_cache
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Takes a code of the app or a recovery code, and signs in."""
    stage = _stage(request)
    if stage is None:
        return redirect("account_login")
    user: Any = stage.login.user
    if not factor.has(user):
        return _over(request, stage)
    form = CodeForm(request.POST or None)
    if request.method == "POST":
        coarse(request)
        if form.is_valid() and (device := _taken(request, user, form)) is not None:
            user.otp_device = device  # django-otp's receiver writes it into the session
            return stage.exit()
    return render(request, "account/second_step.html", {"form": form, "user": user})


@own_transactions
@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Sets the second factor up, signs in, and shows the recovery codes this once."""
    stage = _stage(request)
    if stage is None:
        return redirect("account_login")
    user: Any = stage.login.user
    device = factor.pending_app(user, stage.state.get("device", ""))
    if device is None or factor.has(user):
        return _over(request, stage)
    form = FirstCodeForm(request.POST or None)
    if request.method == "POST":
        coarse(request)
        with acting(Actor("user", str(user.pk), user.email)):
            codes = enrolment.confirmed(request, user, device, form) if form.is_valid() else None
        if codes is not None:
            user.otp_device = device
            leads_to = stage.exit()["Location"]
            context = {"codes": codes, "leads_to": leads_to, "is_first": True}
            return render(request, "account/recovery_codes.html", context)
    context = {"form": form, **enrolment.shown(user, device)}
    return render(request, "account/second_step_enrol.html", context)


def _stage(request: HttpRequest) -> Any:
    """The sign-in that waits; None where none does, or what it rests on has changed meanwhile."""
    if request.user.is_authenticated:
        return None
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    if stage is not None and not stage.holds:
        stage.abort()
        return None
    return stage


def _taken(request: HttpRequest, user: Any, form: CodeForm) -> Any:
    """The device that took the code, or None with the form's error."""
    address: str = request.client_address
    device = known_device(request, user.email)
    try:
        return factor.check(user, form.cleaned_data["code"], address, device=device)
    except Refusal as refusal:
        if refusal.code not in ("invalid_credentials", "second_factor_required"):
            raise
        form.add_error("code", str(refusal.message))
        return None


def _over(request: HttpRequest, stage: SecondFactorStage) -> HttpResponse:
    """What this step was for is not so any more: set up elsewhere, taken away, or begun anew. One begins again."""
    stage.abort()
    messages.warning(request, _("Please sign in once more."))
    return redirect("account_login")
