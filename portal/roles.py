"""The three PostgreSQL roles, made from the three URLs: the owner of the tables, the application, and system tasks.

Run once by whoever may create roles, and again at any time: it changes what differs. Passwords reach the server as
SCRAM verifiers, so that none stands in its log.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
TABLES = "SELECT, INSERT, UPDATE, DELETE"


@dataclass(frozen=True, slots=True)
class Login:
    """User name, password and database of a URL."""

    name: str
    password: str = field(repr=False)
    database: str

    @classmethod
    def of(cls, url: str) -> "Login":
        parts = urlsplit(url)
        return cls(
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            unquote(parts.path.lstrip("/")),
        )


def create_roles(
    *, admin_url: str, owner_url: str, application_url: str, system_url: str
) -> list[str]:
    """Roles, database, and default rights; returns a line for each thing it did. Raises `ValueError`, `psycopg.Error`."""
    owner, application, system = map(Login.of, (owner_url, application_url, system_url))
    logins = (owner, application, system)
    if len({login.name for login in logins}) < len(logins) or not all(
        login.name for login in logins
    ):
        raise ValueError("The three URLs need three different user names.")
    if len({login.database for login in logins}) > 1 or not owner.database:
        raise ValueError("The three URLs need the same database.")
    done = []
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for login in logins:
            done.append(_role(admin, login))
        # Without it, an administrator who is no superuser could not hand the database over.
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner.name)))
        done.append(_database(admin, owner))
    with psycopg.connect(admin_url, dbname=owner.database, autocommit=True) as admin:
        _rights(admin, owner, (application, system))
    done.append(f"rights of {application.name} and {system.name}: rows of all tables, no tables")
    return done


def _role(admin: Any, login: Login) -> str:
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login.name]).fetchone()
    name = sql.Identifier(login.name)
    verb = "ALTER" if known else "CREATE"
    admin.execute(sql.SQL(f"{verb} ROLE {{}} {ATTRIBUTES}").format(name))
    if login.password:
        verifier = admin.pgconn.encrypt_password(
            login.password.encode(), login.name.encode(), b"scram-sha-256"
        )
        admin.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode()))
        )
    return f"role {login.name}: {'checked' if known else 'created'}"


def _database(admin: Any, owner: Login) -> str:
    known = admin.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", [owner.database]
    ).fetchone()
    database, name = sql.Identifier(owner.database), sql.Identifier(owner.name)
    if known:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
    else:
        statement = "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
        admin.execute(sql.SQL(statement).format(database, name))
    return f"database {owner.database}: {'checked' if known else 'created'}"


def _rights(admin: Any, owner: Login, users: tuple[Login, ...]) -> None:
    """Rows and sequences of what is there and of what migrations will make; never the tables themselves."""
    of, name = sql.Identifier(owner.name), sql.Identifier
    database = name(owner.database)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    admin.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(of))
    for user in users:
        who = name(user.name)
        for statement in (
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, who),
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(who),
            sql.SQL(f"GRANT {TABLES} ON ALL TABLES IN SCHEMA public TO {{}}").format(who),
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(who),
            sql.SQL(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA public GRANT {TABLES} ON TABLES TO {{}}"
            ).format(of, who),
            # The functions that answer what precedes tenancy are closed to everybody else.
            sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}").format(who),
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public "
                "GRANT USAGE, SELECT ON SEQUENCES TO {}"
            ).format(of, who),
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {}"
            ).format(of, who),
        ):
            admin.execute(statement)
