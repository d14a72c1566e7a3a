"""Which addresses the portal may connect to: public ones, private ones that the operator listed, metadata never.

Transition forms (IPv4-mapped, NAT64, 6to4, Teredo …) hide another address inside. They are refused as such; where the
operator listed the outer form, the inner address must be allowed as well.
"""

import ipaddress
import socket
from collections.abc import Sequence

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Cloud metadata and host services. Link-local as a whole: nothing that answers questions lives there.
NEVER: list[Network] = [
    ipaddress.ip_network(item)
    for item in (
        "169.254.0.0/16",
        "fe80::/10",
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's wire server, a public address
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google Cloud
        "fd00:42::42/128",  # Scaleway
    )
]
# What Python 3.11's `is_global` lets through or differs on between versions (IANA's special-purpose registries).
SPECIAL: list[Network] = [
    ipaddress.ip_network(item)
    for item in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
]
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
COMPATIBLE = ipaddress.ip_network("::/96")
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class AddressRefused(Exception):
    """The portal does not connect there. The words name the reason, not the address."""


def refusal_of(address: Address) -> str | None:
    """Why the portal may not connect to this address; None where it may."""
    inner = _hidden_in(address)
    if _is_in(address, NEVER) or any(_is_in(one, NEVER) for one in inner):
        return "link-local or metadata address"
    if _is_in(address, settings.PRIVATE_NETWORKS):
        return next((why for one in inner if (why := refusal_of(one))), None)
    return None if _is_public(address) else "not a public address"


def _is_public(address: Address) -> bool:
    """Neither special nor a transition form: those lie outside 2000::/3 or in `SPECIAL`."""
    if address.version == 6 and address not in GLOBAL_UNICAST:
        return False
    return (
        address.is_global
        and not address.is_private
        and not address.is_multicast
        and not address.is_reserved
        and not _is_in(address, SPECIAL)
    )


def _hidden_in(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a transition form carries."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if _is_in(address, NAT64):
        return [low]
    if address in COMPATIBLE and int(address) > 1:  # :: and ::1 carry nothing
        return [low]
    return []


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def resolve(host: str, port: int) -> list[str]:
    """The host's addresses as text, asked for once. Raises `socket.gaierror`. Decimal and short forms end here too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_listed_private(address: str) -> bool:
    """Whether the operator listed its network: what is not encrypted goes nowhere else."""
    return _is_in(ipaddress.ip_address(address), settings.PRIVATE_NETWORKS)


def checked_addresses(host: str, port: int, *, also: frozenset[int] = frozenset()) -> list[str]:
    """The addresses to connect to; AddressRefused if any of them, or the port, is not allowed.

    Of the ports below 1024 those of the web are, and those in `also`, for who speaks another protocol.
    """
    if port not in (80, 443) and port < 1024 and port not in also:
        raise AddressRefused("port not allowed")
    addresses = resolve(host, port)
    for text in addresses:
        why = refusal_of(ipaddress.ip_address(text))
        if why:
            raise AddressRefused(why)
    return addresses
