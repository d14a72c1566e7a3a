"""Lists of networks that may or may not come in: the platform's rules, and the short lists of teams and keys."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.addresses import UNKNOWN, Network, is_mapped, is_within
from portal.remembered import Remembered

MODEL = "portal.AddressRule"
LIFETIME = 3.0  # seconds; the promise is 5 s across processes
MAX_LISTED = 50
PROBES = frozenset(["/healthz", "/readyz"])  # an orchestrator's, also while the database is gone


def validate_network(value: str) -> None:
    try:
        network = ipaddress.ip_network(value.strip())
    except ValueError:
        network = None
    if network is None or "%" in value:
        raise ValidationError(
            _("%(value)s is no network: write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."),
            params={"value": value[:60]},
        )
    if is_mapped(network):
        raise ValidationError(
            _("%(value)s is IPv4 written as IPv6: write it as 203.0.113.7 or 203.0.113.0/24."),
            params={"value": value[:60]},
        )


def validate_networks(value: str) -> None:
    """For a list of a team or key: networks separated by commas; empty means everywhere."""
    listed = [item for item in value.split(",") if item.strip()]
    if len(listed) > MAX_LISTED:
        raise ValidationError(_("At most %(count)d networks."), params={"count": MAX_LISTED})
    for item in listed:
        validate_network(item)


@lru_cache(maxsize=4096)
def networks_of(value: str) -> tuple[Network, ...]:
    """The networks of a stored list."""
    return tuple(ipaddress.ip_network(item.strip()) for item in value.split(",") if item.strip())


def listed(address: str, value: str) -> bool:
    """Whether a team's or key's list lets this address in; an empty list lets everybody in."""
    return not value.strip() or is_within(address, networks_of(value))


def is_wider(before: str, after: str) -> bool:
    """Whether a list lets in addresses that it kept out before. An empty list lets everybody in."""
    if not before.strip():
        return False
    if not after.strip():
        return True
    known = networks_of(before)
    return not all(_is_covered(network, known) for network in networks_of(after))


def _is_covered(network: Network, known: Iterable[Network]) -> bool:
    """By one of the known networks, or by several that make it up together."""
    same = ipaddress.collapse_addresses(
        [one for one in known if one.version == network.version]  # type: ignore[type-var]
    )
    return any(network.subnet_of(one) for one in same)  # type: ignore[arg-type]


def allows(rules: Iterable[Any], place: str, address: str) -> bool:
    """What the rules of a place say of an address: no block names it, and an allowance does if there are any.

    Of an address that is unknown nobody can say that no block names it.
    """
    here = [rule for rule in rules if rule.place == place]
    if here and address == UNKNOWN:
        return False
    allowed = [rule.network for rule in here if rule.verdict == "allow"]
    blocked = [rule.network for rule in here if rule.verdict == "block"]
    if any(is_within(address, networks_of(network)) for network in blocked):
        return False
    return not allowed or any(is_within(address, networks_of(network)) for network in allowed)


def _all_rules() -> tuple[Any, ...]:
    return tuple(apps.get_model(MODEL).objects.all())


rules = Remembered(MODEL, _all_rules, lifetime=LIFETIME)


def is_welcome(address: str, path: str, place: str = "portal") -> bool:
    """Whether the platform's rules let this address ask for this path: of the portal, or of the console's area."""
    return path in PROBES or allows(rules(), place, address)
