"""The installation's secrets: made once, each in a file of its own, and never printed."""

import base64
import secrets
from pathlib import Path
from urllib.parse import quote

from deploy.one_machine import files
from deploy.one_machine.layout import Layout

DATABASE = "gatehouse"
# Files by who reads them. Only root reads what opens more than a running portal needs, where root starts it.
OF_THE_PORTAL = (
    "PORTAL_SECRET_KEY",
    "PORTAL_FERNET_KEYS",
    "PORTAL_KEY_PEPPER",
    "PORTAL_AUDIT_SIGNING_KEY",
    "REDIS_URL",
    "DATABASE_URL",
    "DATABASE_SYSTEM_URL",
)
OF_THE_STARTER = ("DATABASE_ADMIN_URL", "DATABASE_OWNER_URL", "POSTGRES_PASSWORD", "REDIS_PASSWORD")


def make(layout: Layout) -> None:
    """Makes what is missing; a second start finds everything as it was. Addresses follow the layout."""
    folder = files.folder(layout.secrets, mode=0o711)
    values = {name: _read(folder / name) for name in (*OF_THE_PORTAL, *OF_THE_STARTER)}
    for name in values:
        values[name] = values[name] or _fresh(name)
    values.update(_addresses(layout, values))
    for name, value in values.items():
        owner = layout.user if name in OF_THE_PORTAL else ""
        files.write(folder / name, value, owner=owner, mode=layout.secret_mode)


def read(layout: Layout, name: str) -> str:
    return _read(layout.secrets / name)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _fresh(name: str) -> str:
    if name == "PORTAL_FERNET_KEYS":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name == "PORTAL_AUDIT_SIGNING_KEY":
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(48)


def _addresses(layout: Layout, values: dict[str, str]) -> dict[str, str]:
    """The URLs, with the passwords they have had from the beginning."""
    where = f"{layout.host_of('postgres')}:{layout.postgres_port}"
    authority = "/run/secrets/ca" if layout.in_containers else str(layout.tls / "ca.pem")
    how = f"sslmode=verify-full&sslrootcert={quote(authority, safe='/')}"

    def database(name: str, user: str, database: str = DATABASE) -> str:
        password = _password_of(values[name])
        return f"postgresql://{user}:{password}@{where}/{database}?{how}"

    admin = values["POSTGRES_PASSWORD"]
    redis = f"{layout.host_of('redis')}:{layout.redis_port}/0"
    return {
        "DATABASE_ADMIN_URL": f"postgresql://postgres:{admin}@{where}/postgres?{how}",
        "DATABASE_OWNER_URL": database("DATABASE_OWNER_URL", "gatehouse_owner"),
        "DATABASE_URL": database("DATABASE_URL", "gatehouse_web"),
        "DATABASE_SYSTEM_URL": database("DATABASE_SYSTEM_URL", "gatehouse_system"),
        "REDIS_URL": f"redis://:{values['REDIS_PASSWORD']}@{redis}",
    }


def _password_of(value: str) -> str:
    """Of a URL that was written before; a fresh value is the password itself."""
    return value.partition("://")[2].partition(":")[2].partition("@")[0] or value
