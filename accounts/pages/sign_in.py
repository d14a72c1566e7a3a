"""Sign-in with its limits, and passwords: changed, forgotten, set for the first time."""

from typing import Any

from allauth.account.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from django.http import Http404, HttpRequest, HttpResponse

from accounts import fresh
from accounts.confirming import leads_to_confirm
from accounts.receivers import as_typed
from accounts.sightings import known_device
from accounts.throttle import attempt, coarse
from audit import trail

FOUND = 302


def _address(request: HttpRequest) -> str:
    return request.client_address  # type: ignore[attr-defined, no-any-return, unused-ignore]


class SignInView(LoginView):
    own_transactions = True  # limits are taken outside of transactions, here and below

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """429 after too many failures, before the password is looked at. A right one leads on, maybe to the next stage."""
        coarse(request)
        name = request.POST.get("login", "")
        device = known_device(request, name)
        tried = attempt(door="password", address=_address(request), account=name, device=device)
        response = super().post(request, *args, **kwargs)
        if response.status_code == FOUND:
            tried.succeeded()
        return response


class ResetView(PasswordResetView):
    own_transactions = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Every request counts: the page never tells whether there is such an account."""
        coarse(request)
        email = request.POST.get("email", "")
        device = known_device(request, email)
        attempt(door="reset", address=_address(request), account=email, device=device)
        trail.record(
            action="password_link_asked", target_type="accounts.User", changes=as_typed(email)
        )
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
        else:
            trail.record(
                action="password_link_failed", target_type="accounts.User", outcome="refused"
            )
        return response


class ChangePasswordView(PasswordChangeView):
    own_transactions = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sensitive, and asked before the form: what is typed into it is kept by no page."""
        if request.user.is_authenticated and not fresh.is_fresh(request):
            return leads_to_confirm(request.path)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guessing the old password from a session left open counts like guessing it at the door."""
        coarse(request)
        email = request.user.email
        device = known_device(request, email)
        tried = attempt(door="password", address=_address(request), account=email, device=device)
        response = super().post(request, *args, **kwargs)
        if response.status_code == FOUND:
            tried.succeeded()
        elif "oldpassword" in response.context_data["form"].errors:  # type: ignore[attr-defined]
            fresh.failed(request.user)
        return response


def closed(request: HttpRequest) -> HttpResponse:
    """What allauth could do and the portal does not offer."""
    raise Http404
