"""Whom somebody may put into a team: the people they see, and whoever's exact e-mail address they know.

That an account exists is all that they learn, and that slowly: what came to nothing counts.
"""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.throttle import Attempt
from portal.errors import Refusal
from portal.limits import Limit, take

AT_ONCE, PERIOD_S = 30, 3600.0
NOBODY = _("No active account has this e-mail address.")


def person(*, by: Any, address: str) -> User | None:
    """Whoever has this address: any active account, or somebody whom `by` sees; None says nothing of why."""
    named = User.objects.filter(email=address.strip().lower())
    seen = named.visible_to(by).values("pk")
    return named.filter(Q(is_active=True) | Q(pk__in=seen)).first()


def attempt(*, by: Any, address: Any) -> Attempt:
    """Before anybody is looked for, and outside of transactions; `succeeded` gives back what it took.

    Naming people whom one sees is free, and platform admins see all. Raises `Refusal("too_many_attempts")`.
    """
    wanted = address.strip().lower() if isinstance(address, str) else ""
    if by.is_superuser or not wanted or User.objects.visible_to(by).filter(email=wanted).exists():
        return Attempt([])
    limits = [Limit(f"newcomers:{by.pk}", AT_ONCE, PERIOD_S)]
    taken = take(limits)
    if not taken.allowed:
        raise Refusal("too_many_attempts", retry_after=taken.retry_after)
    return Attempt(limits)
