"""The account pages: sign-in with its limits, the profile, and one's keys."""

from typing import Any

from allauth.account.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import actions
from accounts.forms import KeyForm, ProfileForm
from accounts.models import Key, User
from accounts.profile import belongings_of
from accounts.throttle import attempt, coarse
from portal.errors import Refusal

FOUND = 302


def _address(request: HttpRequest) -> str:
    return request.client_address  # type: ignore[attr-defined, no-any-return, unused-ignore]


class SignInView(LoginView):
    own_transactions = True  # limits are taken outside of transactions, here and below

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """429 after too many failures, before the password is looked at."""
        coarse(request)
        name = request.POST.get("login", "")
        tried = attempt(door="password", address=_address(request), account=name)
        response = super().post(request, *args, **kwargs)
        if request.user.is_authenticated:
            tried.succeeded()
        return response


class ResetView(PasswordResetView):
    own_transactions = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Every request counts: the page never tells whether there is such an account."""
        coarse(request)
        attempt(door="reset", address=_address(request), account=request.POST.get("email", ""))
        return super().post(request, *args, **kwargs)


class NewPasswordView(PasswordResetFromKeyView):
    own_transactions = True
    reset_user: Any = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A link that does not hold counts as a failure of its address."""
        coarse(request)
        tried = attempt(door="link", address=_address(request))
        response = super().dispatch(request, *args, **kwargs)
        if self.reset_user is not None or response.status_code == FOUND:
            tried.succeeded()
        return response


class ChangePasswordView(PasswordChangeView):
    own_transactions = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guessing the old password from a session left open counts like guessing it at the door."""
        coarse(request)
        tried = attempt(door="password", address=_address(request), account=request.user.email)
        response = super().post(request, *args, **kwargs)
        if response.status_code == FOUND:
            tried.succeeded()
        return response


@never_cache
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Who one is here, and in which teams. Restricted people change nothing but their password."""
    form = None if request.user.is_restricted else ProfileForm(instance=request.user)
    if request.method == "POST":
        if form is None:
            raise Refusal("permission_denied")
        form = ProfileForm(request.POST, instance=User.objects.get(pk=request.user.pk))
        if form.is_valid():
            form.save()
            messages.success(request, _("Your name is saved."))
            return redirect("account_profile")
    context = {"form": form, "belongings": belongings_of(request.user)}
    return render(request, "account/profile.html", context)


def closed(request: HttpRequest) -> HttpResponse:
    """What allauth could do and the portal does not offer."""
    raise Http404


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
