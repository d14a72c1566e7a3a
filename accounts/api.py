"""DRF's way to the one authentication path."""

from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from accounts.authentication import identify
from accounts.callers import Caller
from accounts.models import User
from portal.errors import Refusal


class PortalAuthentication(SessionAuthentication):
    """Sets `request.user` and `request.auth` (a `Caller`); a session needs the CSRF token for unsafe methods."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        plain: HttpRequest = request._request
        try:
            caller = identify(plain)
        except Refusal as refusal:
            if refusal.code == "not_authenticated":
                return None
            raise
        if caller.method == "session":
            self.enforce_csrf(request)
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gatehouse"'
