"""Names the signed-in person as the actor of the request, and leads who must confirm to where they do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts import sightings
from accounts.confirming import confirmation_page
from portal.context import Actor, become
from portal.errors import Refusal, wants_json


class ActorMiddleware:
    """Who acts; and their session, which lives on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            become(Actor("user", str(request.user.pk), request.user.email))
            request.session.touch()  # type: ignore[attr-defined]
        response = self.get_response(request)
        sightings.set_cookie(request, response)
        return response


class FreshMiddleware:
    """A page that wants fresh authentication shows where to confirm, and goes on with what was sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
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
