"""What follows when guesses at an account are stopped: one event and one notice to its owner an hour, however many."""

from django.db import transaction

from accounts import notices
from accounts.models import User
from accounts.throttle import name_of
from audit import trail
from portal.limits import Limit, take

TOLD_EVERY_S = 3600.0


def stopped(account: str, address: str) -> None:
    """`account` is the address that was typed; unknown ones leave the same entry and nobody a notice."""
    if not take([Limit(f"told:guessing:{name_of(account)}", 1, TOLD_EVERY_S)]).allowed:
        return
    user = User.objects.filter(email=account, is_active=True).first()
    with transaction.atomic():
        trail.record(
            action="guessing_stopped", target=user, target_type="accounts.User", outcome="refused"
        )
        if user is not None:
            notices.tell(user.pk, "guessing", address=address)
