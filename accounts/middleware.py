"""Names the signed-in person as the actor of the request, as somebody else where they impersonate, and leads who must
confirm to where they do."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.utils.translation import gettext as _

from accounts import impersonation, live_impersonations, sightings, standing_in
from accounts.confirming import confirmation_page
from accounts.live_impersonations import SESSION_KEY
from portal.context import Actor, become
from portal.errors import Refusal, error_response, wants_json

GetResponse = Callable[[HttpRequest], HttpResponse]


def leave(request: HttpRequest, admin: Any) -> None:
    """Back in one's own session. Forms of pages that were loaded as the other person work no longer."""
    request.session.pop(SESSION_KEY, None)
    request.impersonation = None  # type: ignore[attr-defined]
    request.user = admin
    rotate_token(request)
    become(Actor("user", str(admin.pk), admin.email))


class ImpersonationMiddleware:
    """In a session that impersonates, `request.user` is the person, and `request.impersonation` says so.

    The session itself, and what Django checks of it, stay the admin's. Whatever header is sent beside its cookie, what
    is closed while impersonating is closed.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.impersonation = None  # type: ignore[attr-defined]
        if request.user.is_authenticated and SESSION_KEY in request.session:
            owes = getattr(request, "owes_factor", False)
            live = None if owes else live_impersonations.of_request(request)
            if live is None:
                try:
                    self._go_back(request)
                except Refusal as refusal:
                    return error_response(request, refusal)
            else:
                request.impersonation = live  # type: ignore[attr-defined]
                live.user.is_verified = request.user.is_verified  # type: ignore[attr-defined, union-attr, method-assign]
                request.user = live.user
        return self.get_response(request)

    def _go_back(self, request: HttpRequest) -> None:
        """It is over. What was meant to be done as the person is not done as the admin."""
        impersonation.close(request.session[SESSION_KEY])
        leave(request, request.user)
        if request.method not in standing_in.SAFE:
            raise Refusal(
                "permission_denied", _("You act as yourself again; nothing of this was done.")
            )
        if not wants_json(request):
            messages.info(request, _("You act as yourself again: the impersonation is over."))

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        live = getattr(request, "impersonation", None)
        if live is None:
            return None
        match = request.resolver_match
        try:
            if match and match.view_name == standing_in.SIGNS_OUT and request.method == "POST":
                impersonation.stop(live, impersonation.Ending.SIGNED_OUT)
                leave(request, live.admin)
            else:
                standing_in.require_open(request, live)
        except Refusal as refusal:
            return error_response(request, refusal)
        return None


class ActorMiddleware:
    """Who acts; and their session, which lives on."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            live = getattr(request, "impersonation", None)
            if live is None:
                become(Actor("user", str(request.user.pk), request.user.email))
            else:
                actor, person = live.actors
                become(actor, on_behalf_of=person)
            request.session.touch()  # type: ignore[attr-defined]
        response = self.get_response(request)
        sightings.set_cookie(request, response)
        return response


class FreshMiddleware:
    """A page that wants fresh authentication shows where to confirm, and goes on with what was sent."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if (
            isinstance(error, Refusal)
            and error.code == "fresh_authentication_required"
            and not wants_json(request)
            and request.user.is_authenticated
        ):
            return confirmation_page(request)
        return None
