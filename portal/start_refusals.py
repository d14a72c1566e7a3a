"""What production does not start with. Each sentence names the variable and how to make a good value, never the value."""

import zlib
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet

from portal import environment as env

SECRETS = (
    "PORTAL_SECRET_KEY",
    "PORTAL_FERNET_KEYS",
    "PORTAL_KEY_PEPPER",
    "PORTAL_AUDIT_SIGNING_KEY",
)
MINIMUM_LENGTH = 40  # characters; 256 bits in base64 are 43
MINIMUM_PASSWORD = 12
# What stands in samples, tutorials and habits. None of them is found in 256 random bits by chance.
WEAK_WORDS = (
    "changeme",
    "changethis",
    "replaceme",
    "insecure",
    "password",
    "passw0rd",
    "default",
    "example",
    "yoursecret",
    "topsecret",
    "supersecret",
    "placeholder",
    "letmein",
    "qwerty",
    "12345678",
    "gatehouse",
    "admin123",
)
WEAK_PASSWORDS = frozenset(
    ["admin", "postgres", "redis", "root", "secret", "portal", "guest", "test", "user", "owner"]
)
DEBUG_SWITCHES = ("DEBUG", "DJANGO_DEBUG", "PORTAL_DEBUG")
PLAIN_SSLMODES = frozenset(["disable", "allow", "prefer"])
HOW = {
    "PORTAL_FERNET_KEYS": (
        "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
    ),
    "PORTAL_AUDIT_SIGNING_KEY": (
        "python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
    ),
}
HOW_ELSE = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def problems() -> list[str]:
    """One sentence for each thing that is wrong with the environment; development is asked for its secrets only."""
    found = list(_secrets())
    if env.DEVELOPMENT:
        return found
    return [*found, *_hosts(), *_switches(), *_connections(), *_passwords(), *_processes()]


def how_to(name: str) -> str:
    """A command that prints a good value."""
    return HOW.get(name, HOW_ELSE)


def _secrets() -> Iterable[str]:
    values = {name: env.text(name) for name in SECRETS}
    for name, value in values.items():
        if what := _weakness(value):
            yield f"{name} {what}. Make one with: {how_to(name)}"
    parts = [(name, part) for name in SECRETS for part in _parts(name, values[name])]
    for number, (name, part) in enumerate(parts):
        for other, same in parts[:number]:
            if part == same:
                yield (
                    f"Two secrets are equal: {other} and {name}. Make another with: {how_to(name)}"
                )
    for number, key in enumerate(env.items("PORTAL_FERNET_KEYS"), start=1):
        try:
            Fernet(key)
        except ValueError:
            yield (
                f"PORTAL_FERNET_KEYS: key {number} is not a Fernet key (32 bytes, URL-safe base64). "
                f"Make one with: {how_to('PORTAL_FERNET_KEYS')}"
            )


def _parts(name: str, value: str) -> list[str]:
    return env.items(name) if name == "PORTAL_FERNET_KEYS" else [value] if value else []


def _weakness(value: str) -> str:
    if not value:
        return "is missing"
    if len(value) < MINIMUM_LENGTH:
        return f"is shorter than {MINIMUM_LENGTH} characters"
    if any(word in _plain(value) for word in WEAK_WORDS):
        return "still has a sample value"
    if len(set(value)) < 12 or _is_regular(value):
        return "is too uniform to be random"
    return ""


def _plain(value: str) -> str:
    return "".join(character for character in value.lower() if character.isalnum())


def _is_regular(value: str) -> bool:
    """Repeated or ascending text; random base64 does not become shorter."""
    ascending = sum(ord(b) - ord(a) == 1 for a, b in pairwise(value))
    return len(zlib.compress(value.encode(), 9)) < len(value) * 0.9 or ascending > len(value) / 3


def _hosts() -> Iterable[str]:
    hosts = env.items("PORTAL_ALLOWED_HOSTS")
    if not hosts:
        yield "PORTAL_ALLOWED_HOSTS is empty. Name the hosts it is reached by: portal.example.com"
    if any(host in {"*", ".", ""} for host in hosts):
        yield "PORTAL_ALLOWED_HOSTS allows every host. Name those it is reached by."
    base = env.text("PORTAL_BASE_URL")
    if base and not base.startswith("https://"):
        yield "PORTAL_BASE_URL is not https. Write it as https://portal.example.com"


def _switches() -> Iterable[str]:
    for name in DEBUG_SWITCHES:
        if env.flag(name, False):
            yield f"{name} is on. The portal has no debug mode; remove the variable."


def _connections() -> Iterable[str]:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL"):
        parts = urlsplit(env.text(name))
        if not parts.scheme.startswith("postgres") or _is_local(parts.hostname):
            continue
        mode = dict(item.partition("=")[::2] for item in parts.query.split("&")).get("sslmode")
        if mode in PLAIN_SSLMODES:
            yield f"{name} is a plaintext connection: PostgreSQL on another host needs sslmode=require."
    parts = urlsplit(env.text("REDIS_URL"))
    if parts.scheme == "redis" and not _is_local(parts.hostname) and not parts.password:
        yield "REDIS_URL has no password. Write it as rediss://:password@host:6379/0"


def _is_local(host: str | None) -> bool:
    return host in {None, "", "127.0.0.1", "localhost", "::1"}


def _passwords() -> Iterable[str]:
    admin = env.text("PORTAL_ADMIN_PASSWORD")
    if admin and (len(admin) < MINIMUM_PASSWORD or _is_default(admin)):
        yield (
            "PORTAL_ADMIN_PASSWORD is a default or too short. Leave it empty for a one-time link, "
            f"or make one with: {HOW_ELSE}"
        )
    for name in (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "DATABASE_SYSTEM_URL",
        "REDIS_URL",
    ):
        try:
            password = unquote(urlsplit(env.text(name)).password or "")
        except ValueError:
            continue  # what is no URL is said where it is read
        if password and _is_default(password):
            yield f"{name} has a default password. Make one with: {HOW_ELSE}"


def _is_default(password: str) -> bool:
    plain = _plain(password)
    return plain in WEAK_PASSWORDS or any(plain.startswith(word) for word in WEAK_WORDS)


def _processes() -> Iterable[str]:
    """Limits hold across processes in the database too; what is kept in memory does not."""
    if env.integer("WEB_WORKERS", 2) > 1 and not env.text("REDIS_URL"):
        yield (
            "REDIS_URL is empty with several web processes: what they keep in memory would be kept by each. "
            "Set REDIS_URL, or WEB_WORKERS=1."
        )
