"""The environment, read once: every `PORTAL_…` variable and its `…_FILE` twin."""

import ipaddress
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from portal import development
from portal.addresses import Network, is_mapped

ROOT = development.ROOT

ON, OFF = frozenset(["1", "true", "yes", "on"]), frozenset(["0", "false", "no", "off"])


def text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `<name>_FILE` names, or the default.

    An empty variable means empty, not the default; but a file that is named beside it is meant.
    """
    value = os.environ.get(name)
    path = os.environ.get(f"{name}_FILE")
    if path and not value:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ImproperlyConfigured(f"{name}_FILE is not text in UTF-8.") from None
    return default if value is None else value


def flag(name: str, default: bool) -> bool:
    value = text(name).strip().lower()
    return default if not value else value in ON


def fixed_flag(name: str) -> bool | None:
    """What the variable fixes; None where it is not set or empty, and the console decides.

    A slip of the pen switches nothing off: raises `ImproperlyConfigured` for what is neither on nor off.
    """
    given = text(name).strip().lower()
    if given and given not in ON | OFF:
        raise ImproperlyConfigured(f"{name} is neither true nor false.")
    return given in ON if given else None


def fixed_integer(name: str) -> int | None:
    return integer(name, 0) if text(name).strip() else None


def integer(name: str, default: int) -> int:
    value = text(name).strip()
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not a whole number.") from None


def items(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def networks(name: str, default: str = "") -> list[Network]:
    try:
        found = [ipaddress.ip_network(item, strict=False) for item in items(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None
    if any(map(is_mapped, found)):
        raise ImproperlyConfigured(f"{name}: write IPv4 as IPv4, 203.0.113.0/24.")
    return found


DATA_DIR = development.data_dir()
if os.environ.get("PORTAL_ENV") == "development":
    development.write(DATA_DIR / "env")
    development.load(DATA_DIR / "env")
ENVIRONMENT = text("PORTAL_ENV") or "production"
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured("PORTAL_ENV is either 'development' or 'production'.")
DEVELOPMENT = ENVIRONMENT == "development"


# Who runs: the web server, a command or the worker ("system"), or a command that changes tables ("owner").
PROCESS = os.environ.get("GATEHOUSE_PROCESS", "system")
_URLS = {
    "web": ("DATABASE_URL",),
    "system": ("DATABASE_SYSTEM_URL", "DATABASE_URL"),
    "owner": ("DATABASE_OWNER_URL", "DATABASE_URL"),
}


def database_variable() -> str:
    """The variable that says where this process finds the database, in the role that it needs."""
    names = _URLS[PROCESS]
    return next(filter(text, names), names[-1])


def database_url() -> str:
    """Where this process finds the database; one URL may serve all roles."""
    return text(database_variable())
