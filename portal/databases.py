"""DATABASE_URL to Django's settings: SQLite (embedded default) or PostgreSQL."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.connection_urls import Connection

SQLITE_OPTIONS = {
    # WAL lets readers and the one writer work side by side; IMMEDIATE takes the write lock at the start of a
    # transaction, so that two of them wait for each other instead of failing with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}


def database_from_url(
    url: str, *, data_dir: Path, pool_size: int = 20, name: str = "DATABASE_URL"
) -> dict[str, Any]:
    """`postgresql://user:password@host:port/name?sslmode=…`, `sqlite:///absolute/path`, or empty for `<data>/portal.sqlite3`.

    `pool_size` is the most connections that a process of PostgreSQL's clients holds. What is wrong is said of the variable
    `name`, without anything of the URL.
    """
    if not url:
        return _sqlite(data_dir / "portal.sqlite3")
    try:
        said = Connection.of(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}.") from None
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} starts with postgresql:// or sqlite:///.")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    options.setdefault("sslmode", "require")
    host = parts.hostname or options.pop("host", "")
    if said.may_be_plain:
        raise ImproperlyConfigured(f"{name}: PostgreSQL on another host needs sslmode=require.")
    options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": dict(SQLITE_OPTIONS),
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
    }
