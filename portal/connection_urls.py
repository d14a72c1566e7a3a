"""What the URL of a database or of Redis really says, wherever in it: in its place, or behind the question mark."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

PLAIN_SSLMODES = frozenset(["disable", "allow", "prefer"])
NO_URL = "is no URL. Write characters such as / @ : ? # of its password as %2F %40 %3A %3F %23"


@dataclass(frozen=True, slots=True)
class Connection:
    """Every host, password and `sslmode` that is named; a driver may follow any of them."""

    scheme: str
    hosts: frozenset[str]
    passwords: frozenset[str] = field(repr=False)
    sslmodes: frozenset[str]
    has_other_proof: bool  # a client certificate, or a file with passwords

    @classmethod
    def of(cls, url: str) -> "Connection":
        """Raises `ValueError`, without anything of the URL, for what cannot be read as one."""
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 (reads it)
            host = unquote(parts.hostname or "").lower()
        except ValueError:
            raise ValueError(NO_URL) from None
        is_file = parts.scheme in ("sqlite", "unix")
        if not parts.scheme or (not is_file and (parts.fragment or "@" in parts.path)):
            raise ValueError(NO_URL)
        asked = parse_qsl(parts.query)

        def named(*names: str) -> set[str]:
            return {value for name, value in asked if name in names}

        return cls(
            parts.scheme,
            frozenset(filter(None, {host, *map(str.lower, named("host", "hostaddr"))})),
            frozenset(filter(None, {unquote(parts.password or ""), *named("password")})),
            frozenset(named("sslmode")),
            bool(named("sslcert", "passfile")),
        )

    @property
    def is_local(self) -> bool:
        """Whether it stays on this machine, whichever host is followed; without any it is a socket's."""
        return all(map(_is_local, self.hosts))

    @property
    def is_socket(self) -> bool:
        return all(host.startswith("/") for host in self.hosts)

    @property
    def may_be_plain(self) -> bool:
        """Whether what is asked for may go over a network in clear. Nothing asked for is the caller's to decide."""
        return bool(self.sslmodes & PLAIN_SSLMODES) and not self.is_local


def _is_local(host: str) -> bool:
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
