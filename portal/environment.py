"""The environment, read once: every `PORTAL_…` variable, its `…_FILE` twin, and development's generated secrets."""

import base64
import ipaddress
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent


def _load_development_file(data_dir: Path) -> None:
    """Development keeps its generated secrets in `<data>/env`, so that later commands find the same ones."""
    path = data_dir / "env"
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, found, value = line.partition("=")
        if found and not line.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


def write_development_file(data_dir: Path) -> None:
    """Creates `<data>/env` with fresh secrets, readable by its owner only; does nothing where it exists."""
    path = data_dir / "env"
    if path.exists():
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise SystemExit(f"The data directory {data_dir} cannot be written.") from None
    lines = [
        "# Generated for development. Production sets these in its own environment.",
        "PORTAL_ENV=development",
        f"PORTAL_SECRET_KEY={secrets.token_urlsafe(48)}",
        f"PORTAL_FERNET_KEYS={Fernet.generate_key().decode()}",
        f"PORTAL_KEY_PEPPER={secrets.token_urlsafe(48)}",
        f"PORTAL_AUDIT_SIGNING_KEY={base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PORTAL_PRIVATE_NETWORKS=127.0.0.0/8",
    ]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another process was faster; its secrets are ours
    except OSError:
        raise SystemExit(f"The data directory {data_dir} cannot be written.") from None
    with os.fdopen(descriptor, "w") as handle:
        handle.write("\n".join(lines) + "\n")


def text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `<name>_FILE` names, or the default."""
    value = os.environ.get(name)
    if value is not None:
        return value
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from None
    return default


def flag(name: str, default: bool) -> bool:
    value = text(name).strip().lower()
    return default if not value else value in {"1", "true", "yes", "on"}


def integer(name: str, default: int) -> int:
    value = text(name).strip()
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not a whole number.") from None


def items(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def networks(name: str, default: str = "") -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(item, strict=False) for item in items(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None


DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR") or ROOT / "var").resolve()
if os.environ.get("PORTAL_ENV") in (None, "development"):
    if os.environ.get("PORTAL_ENV") == "development":
        write_development_file(DATA_DIR)
    _load_development_file(DATA_DIR)
ENVIRONMENT = text("PORTAL_ENV", "production")
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


def database_url() -> str:
    """Where this process finds the database, in the role that it needs; one URL may serve all of them."""
    return next(filter(None, map(text, _URLS[PROCESS])), "")
