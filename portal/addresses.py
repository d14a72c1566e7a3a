"""The client's address, believed from trusted proxies only; one way to write each, and nobody's where it is unclear."""

import ipaddress
from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
UNKNOWN = ""  # is in no network: local routes, allowances and places with rules are closed to it
# What only a proxy may say of a request. The address it says is read below, and from trusted ones too.
CLAIMS = ("HTTP_X_FORWARDED_PROTO",)


def client_address(meta: Mapping[str, str]) -> str:
    """The peer's address; behind trusted proxies, the last hop in `X-Forwarded-For` that is not one of them.

    Where all hops are trusted it is the first. Where the proxy says nothing, or a hop is no address, the client is
    unknown: with the proxy's own address everybody behind it would be local, and past every block.
    """
    peer = _parsed(meta.get("REMOTE_ADDR", "") or "")
    if peer is None or not _is_trusted(peer):
        return _written(peer)
    client = None
    for hop in reversed(meta.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        client = _parsed(_without_port(hop.strip()))
        if client is None or not _is_trusted(client):
            break
    return _written(client)


def drop_claims(meta: MutableMapping[str, str]) -> None:
    """Forgets what a peer that is no trusted proxy says of how it was reached, before anything believes it."""
    peer = _parsed(meta.get("REMOTE_ADDR", "") or "")
    if peer is None or not _is_trusted(peer):
        for name in CLAIMS:
            meta.pop(name, None)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; an IPv4-mapped IPv6 address counts as the IPv4 one."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def is_mapped(network: Network) -> bool:
    """Whether a network is of IPv4 addresses written as IPv6, which never match: addresses are read as IPv4."""
    return network.version == 6 and network.subnet_of(MAPPED)


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _without_port(hop: str) -> str:
    """Some proxies write `203.0.113.9:1234` and `[2001:db8::1]:443`."""
    if hop.startswith("["):
        inside, bracket, port = hop[1:].partition("]")
        return inside if bracket and _is_port(port, ":") else ""
    address, _colon, port = hop.partition(":")
    return address if hop.count(":") == 1 and _is_port(port) else hop


def _is_port(text: str, colon: str = "") -> bool:
    number = text.removeprefix(colon)
    return not text or (text.startswith(colon) and number.isascii() and number.isdigit())


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    """None for what is no address. IPv4 in IPv6 is IPv4; the name of a link (`%eth0`) says nothing here."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed))
    return parsed


def _written(address: Address | None) -> str:
    return UNKNOWN if address is None else str(address)


def network_of(address: str, *, ipv4: int, ipv6: int) -> str:
    """The network of so many bits that an address is in, or the address itself where all of its bits count.

    An IPv4 address in IPv6 is itself; what is no address stays as it is.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, ipaddress.IPv4Address):
        bits, kind = ipv4, ipaddress.IPv4Network
    else:
        bits, kind = ipv6, ipaddress.IPv6Network  # type: ignore[assignment]
    return (
        str(parsed)
        if bits == parsed.max_prefixlen
        else str(kind((int(parsed), bits), strict=False))
    )
