"""Guessing is slowed down: 10 failures in 5 minutes per account and per address, exact across workers and restarts.

An attempt takes from both buckets before the password is looked at, and gives back when it was right: so parallel
guesses cannot outrun the count, and people who know their password never meet it.
"""

import hashlib
import ipaddress

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited
from redis.exceptions import RedisError

from portal.errors import Refusal
from portal.limits import Limit, give_back, take

FAILURES, PERIOD_S = 10, 300.0
COARSE_RATE, COARSE_PERIOD_S = "120/m", 60.0  # tries of one address, right ones included
IPV6_PREFIX = 64  # what one customer holds; single addresses of it cost nothing


class Attempt:
    """One try; `succeeded` gives back what it took."""

    def __init__(self, limits: list[Limit]) -> None:
        self._limits = limits

    def succeeded(self) -> None:
        give_back(self._limits)


def attempt(*, door: str, address: str, account: str = "") -> Attempt:
    """Raises `Refusal("too_many_attempts")`, the same for existing and unknown accounts."""
    limits = [Limit(f"fail:address:{network_of(address)}", FAILURES, PERIOD_S)]
    if account:
        name = hashlib.sha256(account.strip().lower().encode()).hexdigest()
        limits.append(Limit(f"fail:{door}:{name}", FAILURES, PERIOD_S))
    taken = take(limits)
    if not taken.allowed:
        raise Refusal("too_many_attempts", retry_after=taken.retry_after)
    return Attempt(limits)


def coarse(request: HttpRequest) -> None:
    """Before anything is looked at: keeps a flood from the password hasher. Raises `Refusal("too_many_attempts")`."""
    try:
        flooded = is_ratelimited(
            request, group="accounts", key=_client, rate=COARSE_RATE, method="POST", increment=True
        )
    except RedisError:
        return  # the exact count holds without Redis too
    if flooded:
        raise Refusal("too_many_attempts", retry_after=COARSE_PERIOD_S)


def _client(group: str, request: HttpRequest) -> str:
    return network_of(request.client_address)  # type: ignore[attr-defined, unused-ignore]


def network_of(address: str) -> str:
    """What is counted as one address: an IPv4 address itself, an IPv6 one's /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))
