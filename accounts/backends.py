"""Who one is, and nothing about what one may do: rights come from the roles alone."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts import second_factor
from accounts.models import User


class SignInBackend(BaseBackend):
    """E-mail and password. The account's own address is the only one: allauth would also take former ones."""

    def authenticate(
        self, request: Any, email: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """None for all that does not hold, after the same work: unknown, wrong, deactivated."""
        if not email or password is None:
            return None
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, as long as they are active."""
        return second_factor.active_person(user_id)
