"""Whether a session passed the second factor, and what becomes of one that should have.

In the manner of django-otp's middleware, without its query: the session says so, and a session ends when the factor
changes, for that raises the person's session epoch.
"""

from collections.abc import Callable

from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django_otp import DEVICE_ID_SESSION_KEY

from accounts import second_factor
from portal.errors import Refusal, error_response, wants_json

# What strangers are answered as well, whoever's cookie comes with it.
PUBLIC = {"healthz", "readyz", "csp_report", "theme", "loader", "script"}
# Where who must have a second factor and has none sets it up, or leaves.
ENROLMENT = {
    *("account_second_factor", "account_factor_begin", "account_factor_set_up"),
    *("account_confirm", "account_logout"),
}


class SecondFactorMiddleware:
    """Sets `request.user.is_verified()`. Belt and braces: who signed in without the second factor that they have or
    must have reaches nothing but enrolment and the way out.

    So a team or platform that begins to demand it takes people with running sessions through enrolment. A session
    without the factor that its person has was opened round the sign-in, and ends. Before the middleware of
    impersonation: what counts is whose session it is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        passed = bool(user.is_authenticated and DEVICE_ID_SESSION_KEY in request.session)
        user.is_verified = lambda: passed
        if user.is_authenticated and not passed:
            state = second_factor.standing_of(user).state
            # What is believed for seconds refuses nobody: the database is asked once more.
            if state != second_factor.OFF:
                state = second_factor.standing_now(user).state
            if state != second_factor.OFF:
                return self._held(request, state)
        return self.get_response(request)

    def _held(self, request: HttpRequest, state: str) -> HttpResponse:
        name = _name(request)
        if name in ENROLMENT and state == second_factor.DUE:
            request.owes_factor = True  # type: ignore[attr-defined]  # an impersonation gives way to it
            return self.get_response(request)
        if name in PUBLIC:
            return self.get_response(request)
        if wants_json(request) and name != "api_docs":
            if request.path.startswith("/widget/") or "HTTP_AUTHORIZATION" in request.META:
                request.user = AnonymousUser()  # the header, or nobody at all
                request.user.is_verified = lambda: False
                return self.get_response(request)
            return error_response(request, Refusal("second_factor_required"))
        if state == second_factor.DUE:
            return redirect("account_second_factor")
        logout(request)
        path = request.get_full_path() if request.method == "GET" else "/"
        return redirect_to_login(path, reverse("account_login"))


def _name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).url_name or ""
    except Resolver404:
        return ""
