"""Who has a second factor, and whether what they sent is it. Until there are any, nobody has one."""

from accounts.models import User
from portal.errors import Refusal


def has(user: User) -> bool:
    """Whether this person has enrolled one."""
    return False


def is_required(user: User) -> bool:
    """Whether the platform or a team of theirs wants one of them."""
    return False


def check(user: User, code: str, address: str) -> None:
    """Raises `Refusal`: `invalid_credentials` for what is no code of theirs, `too_many_attempts` after too many."""
    raise Refusal("invalid_credentials")
