"""Guessing is slowed down: 10 failures in 5 minutes per account and per address, exact across workers and restarts.

An attempt takes from all buckets before the password is looked at, and gives back when it was right: so parallel
guesses cannot outrun the count, and people who know their password never meet it. For an account the pauses grow: who
goes on guessing has 20 tries in an hour and 40 in a day. A browser that the account was signed in with before has
buckets of its own: strangers cannot lock the owner out of it.
"""

import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit import ALL
from django_ratelimit.core import is_ratelimited
from redis.exceptions import RedisError

from portal import addresses
from portal.errors import Refusal
from portal.limits import Limit, give_back, take
from portal.platform_settings import value

PERIOD_S = 300.0
# For an account: (how often the configured number, in how many seconds), from the first pause to the longest.
BACK_OFF = ((1, PERIOD_S), (2, 3600.0), (4, 86400.0))
GUESSED = frozenset(["password", "code"])  # doors where a secret of the account is guessed at
COARSE_RATE, COARSE_PERIOD_S = "120/m", 60.0  # tries of one address, right ones included
IPV6_PREFIX = 64  # what one customer holds; single addresses of it cost nothing

_listeners: list[Callable[[str, str], None]] = []


def register_guessing(listener: Callable[[str, str], None]) -> None:
    """`listener(account, address)` hears of a try that was refused because too many failed before it."""
    _listeners[:] = [listener]


class Attempt:
    """One try; `succeeded` gives back what it took."""

    def __init__(self, limits: list[Limit]) -> None:
        self._limits = limits

    def succeeded(self) -> None:
        give_back(self._limits)


def attempt(*, door: str, address: str, account: str = "", device: str = "") -> Attempt:
    """Raises `Refusal("too_many_attempts")`, the same for existing and unknown accounts.

    `device` names a browser that is known to be the account's (`accounts.sightings.known_device`), or nothing.
    """
    failures, guesses = value("failed_sign_ins"), door in GUESSED
    # Who asks for many links closes no door to the neighbours who know their passwords.
    shared = "address" if guesses or not account else f"address:{door}"
    limits = [Limit(f"fail:{shared}:{network_of(address)}", failures, PERIOD_S)]
    if account:
        name = name_of(account, device)
        limits += [
            Limit(f"fail:{door}:{period:.0f}:{name}", times * failures, period)
            for times, period in (BACK_OFF if guesses else BACK_OFF[:1])
        ]
    taken = take(limits)
    if not taken.allowed:
        if account and guesses and taken.key != limits[0].key:
            for listener in _listeners:
                listener(account.strip().lower(), address)
        raise Refusal("too_many_attempts", retry_after=taken.retry_after)
    return Attempt(limits)


def name_of(account: str, device: str = "") -> str:
    """What a bucket calls an account: what was typed may be a password, and nobody who reads the buckets guesses it."""
    text = f"guessing\x00{account.strip().lower()}\x00{device}"
    return hmac.new(settings.KEY_PEPPER, text.encode(), "sha256").hexdigest()


def coarse(request: HttpRequest, *, every_method: bool = False) -> None:
    """Before anything is looked at: keeps a flood from the password hasher. Raises `Refusal("too_many_attempts")`.

    Only what is sent counts, unless a password comes with every request.
    """
    method = ALL if every_method else "POST"
    try:
        flooded = is_ratelimited(
            request, group="accounts", key=_client, rate=COARSE_RATE, method=method, increment=True
        )
    except RedisError:
        return  # the exact count holds without Redis too
    if flooded:
        raise Refusal("too_many_attempts", retry_after=COARSE_PERIOD_S)


def _client(group: str, request: HttpRequest) -> str:
    return network_of(request.client_address)  # type: ignore[attr-defined, unused-ignore]


def network_of(address: str) -> str:
    """What is counted as one address: an IPv4 address itself, an IPv6 one's /64."""
    return addresses.network_of(address, ipv4=32, ipv6=IPV6_PREFIX)
