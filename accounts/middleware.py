"""Names the signed-in person as the actor of the request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.context import Actor, become


class ActorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            become(Actor("user", str(request.user.pk), request.user.email))
        return self.get_response(request)
