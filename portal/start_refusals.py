"""What production does not start with. Each sentence names the variable and how to make a good value, never the value.

`python -m portal.preflight` says them in a moment; the scripts in deploy/ ask it first, and the settings in any case.
"""

import base64
from collections.abc import Iterable
from ipaddress import IPv6Network
from itertools import combinations
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from portal import environment as env
from portal.addresses import Network
from portal.connection_urls import Connection
from portal.development import SECRETS
from portal.weak_secrets import is_default, same, weakness

MINIMUM_PASSWORD = 12
DEBUG_SWITCHES = ("DEBUG", "DJANGO_DEBUG", "PORTAL_DEBUG")
DATABASES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL", "DATABASE_ADMIN_URL")
# The schemes that are understood, and the words that say so.
DATABASE_SCHEMES = (frozenset(["postgres", "postgresql", "sqlite"]), "postgresql:// or sqlite:///")
REDIS_SCHEMES = (frozenset(["redis", "rediss", "unix"]), "redis:// or rediss://")
# Broader than this is no network of somebody's, but a good part of the internet.
BROADEST = {4: 8, 6: 16}
UNIQUE_LOCAL = IPv6Network("fc00::/7")
HOW = {
    "PORTAL_FERNET_KEYS": (
        "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
    ),
    "PORTAL_AUDIT_SIGNING_KEY": (
        "python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
    ),
}
STANDARD = str.maketrans("-_", "+/")  # URL-safe base64 is taken as well
RINGS = ("PORTAL_FERNET_KEYS", "PORTAL_AUDIT_SIGNING_KEY")
HOW_ELSE = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def problems() -> list[str]:
    """One sentence for each thing that is wrong with the environment; development is asked for its secrets only."""
    found = list(_secrets())
    if env.DEVELOPMENT:
        return found
    return [
        *found,
        *_hosts(),
        *_base_url(),
        *_networks(),
        *_switches(),
        *_databases(),
        *_redis(),
        *_administrator(),
        *_processes(),
    ]


def how_to(name: str) -> str:
    """A command that prints a good value."""
    return HOW.get(name, HOW_ELSE)


def _secrets() -> Iterable[str]:
    parts = [(name, part) for name in SECRETS for part in _parts(name)]
    for name, part in parts:
        if what := weakness(part):
            yield f"{name} {what}. Make one with: {how_to(name)}"
    for (name, part), (other, another) in combinations(parts, 2):
        if part and same(part, another):
            yield f"Two secrets are equal: {name} and {other}. Make another with: {how_to(other)}"
    for number, key in enumerate(env.items("PORTAL_FERNET_KEYS"), start=1):
        try:
            Fernet(key)
        except ValueError:
            yield (
                f"PORTAL_FERNET_KEYS: key {number} is not a Fernet key (32 bytes, URL-safe base64). "
                f"Make one with: {how_to('PORTAL_FERNET_KEYS')}"
            )
    for number, key in enumerate(env.items("PORTAL_AUDIT_SIGNING_KEY"), start=1):
        if not _is_seed(key):
            yield (
                f"PORTAL_AUDIT_SIGNING_KEY: key {number} is not base64 of 32 bytes. "
                f"Make one with: {how_to('PORTAL_AUDIT_SIGNING_KEY')}"
            )


def _is_seed(key: str) -> bool:
    try:
        return len(base64.b64decode(key.translate(STANDARD), validate=True)) == 32
    except ValueError:
        return False


def _parts(name: str) -> list[str]:
    """Each key of a ring is held to what a single secret is held to."""
    return (env.items(name) or [""]) if name in RINGS else [env.text(name)]


def _hosts() -> Iterable[str]:
    hosts = env.items("PORTAL_ALLOWED_HOSTS")
    if not hosts:
        yield "PORTAL_ALLOWED_HOSTS is empty. Name the hosts it is reached by: portal.example.com"
    if any("*" in host or not host.strip(".") for host in hosts):
        yield "PORTAL_ALLOWED_HOSTS allows every host. Name those it is reached by."
    elif any(host.startswith(".") and "." not in host.strip(".") for host in hosts):
        yield "PORTAL_ALLOWED_HOSTS allows a whole top-level domain. Name those it is reached by."


def _base_url() -> Iterable[str]:
    base = env.text("PORTAL_BASE_URL")
    try:
        parts = urlsplit(base)
        is_good = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        is_good = False
    if not base:
        yield "PORTAL_BASE_URL is missing. Write it as https://portal.example.com"
    elif not is_good:
        yield "PORTAL_BASE_URL is not https. Write it as https://portal.example.com"


def _networks() -> Iterable[str]:
    for name in ("PORTAL_TRUSTED_PROXIES", "PORTAL_LOCAL_NETWORKS"):
        if any(map(_is_too_broad, env.networks(name))):
            yield f"{name} names a good part of the internet. Name the networks that are meant: 10.0.0.10/32"
    env.networks("PORTAL_PRIVATE_NETWORKS")  # raises for what is no network


def _is_too_broad(network: Network) -> bool:
    if isinstance(network, IPv6Network) and network.subnet_of(UNIQUE_LOCAL):
        return False
    return network.prefixlen < BROADEST[network.version]


def _switches() -> Iterable[str]:
    for name in DEBUG_SWITCHES:
        if env.flag(name, False):
            yield f"{name} is on. The portal has no debug mode; remove the variable."


def _read(name: str, known: tuple[frozenset[str], str]) -> tuple[Connection | None, str]:
    """What the variable's URL says, or what is wrong with it; neither if it is empty."""
    try:
        found = Connection.of(env.text(name)) if env.text(name) else None
    except ValueError as error:
        return None, f"{name} {error}."
    schemes, words = known
    if found is not None and found.scheme not in schemes:
        return None, f"{name} starts with {words}."
    return found, ""


def _databases() -> Iterable[str]:
    for name in DATABASES:
        found, wrong = _read(name, DATABASE_SCHEMES)
        if wrong:
            yield wrong
        if found is None or found.scheme == "sqlite":
            continue
        # The command that uses it hands it to the driver as it is, whose own choice is `prefer`.
        unsaid = name == "DATABASE_ADMIN_URL" and not found.sslmodes and not found.is_local
        if found.may_be_plain or unsaid:
            yield f"{name} is a plaintext connection: PostgreSQL on another host needs sslmode=require."
        if not (found.passwords or found.has_other_proof or found.is_socket):
            yield f"{name} has no password. Make one with: {HOW_ELSE}"
        if any(map(is_default, found.passwords)):
            yield f"{name} has a default password. Make one with: {HOW_ELSE}"


def _redis() -> Iterable[str]:
    found, wrong = _read("REDIS_URL", REDIS_SCHEMES)
    if wrong:
        yield wrong
    if found is None:
        return
    if not found.passwords and not found.is_local:
        yield "REDIS_URL has no password. Write it as rediss://:password@host:6379/0"
    if any(map(is_default, found.passwords)):
        yield f"REDIS_URL has a default password. Make one with: {HOW_ELSE}"


def _administrator() -> Iterable[str]:
    password = env.text("PORTAL_ADMIN_PASSWORD")
    if password and (len(password) < MINIMUM_PASSWORD or is_default(password)):
        yield (
            "PORTAL_ADMIN_PASSWORD is a default or too short. Leave it empty for a one-time link, "
            f"or make one with: {HOW_ELSE}"
        )


def _processes() -> Iterable[str]:
    """Limits hold across processes in the database too; what is kept in memory does not."""
    if env.integer("WEB_WORKERS", 2) > 1 and not env.text("REDIS_URL"):
        yield (
            "REDIS_URL is empty with several web processes: what they keep in memory would be kept by each. "
            "Set REDIS_URL, or WEB_WORKERS=1."
        )
