"""The portal's processes: what each is told, and what happens before the first of them starts."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

from deploy.one_machine import files, vault
from deploy.one_machine.layout import ROOT, Layout, Refused, program
from deploy.one_machine.processes import Service
from deploy.one_machine.servers import as_user

KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
PASSED_ON = ("PORTAL_", "WEB_", "WORKER_")
COMMON = (
    "PORTAL_SECRET_KEY",
    "PORTAL_FERNET_KEYS",
    "PORTAL_KEY_PEPPER",
    "PORTAL_AUDIT_SIGNING_KEY",
    "REDIS_URL",
)
# The database role of each process, and no other's: a web server that is taken over can say nothing to the policies.
ROLE_OF = {"web": "DATABASE_URL", "worker": "DATABASE_SYSTEM_URL", "beat": "DATABASE_SYSTEM_URL"}


def settings_of(layout: Layout) -> dict[str, str]:
    """What all of them are told, beside their secrets. Mail, private networks and the like come from the environment."""
    return {
        "PORTAL_ENV": "production",
        "PORTAL_ALLOWED_HOSTS": ",".join(layout.hosts),
        "PORTAL_BASE_URL": layout.base_url,
        "PORTAL_TRUSTED_PROXIES": "127.0.0.1/32",
        "PORTAL_DATA_DIR": str(layout.folder("data", "portal")),
        "PORTAL_STATIC_DIR": str(layout.folder("static")),
        "HOST": "127.0.0.1",
        "PORT": str(layout.web_port),
    }


def environment_of(layout: Layout, process: str) -> dict[str, str]:
    """The environment of a process that stays: secrets by file, and only those that it needs."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.startswith(PASSED_ON)
    }
    names = [*COMMON, ROLE_OF[process]]
    by_file = {f"{name}_FILE": str(layout.secrets / name) for name in names}
    return {
        **passed,
        **settings_of(layout),
        **by_file,
        "HOME": str(layout.folder("data", "portal")),
    }


def services(layout: Layout) -> Iterator[Service]:
    """In the order in which they start."""
    plain = {name: os.environ[name] for name in KEPT if name in os.environ}
    yield Service(
        "postgres",
        [
            *(program("postgres", "postgresql"), "-D", str(layout.folder("data", "postgres"))),
            *("-c", f"config_file={layout.etc / 'postgresql.conf'}"),
        ],
        plain,
        "/",
        user=layout.database_user,
        is_ready=lambda: _postgres_is_ready(layout),
        stop_with=signal.SIGINT,  # a fast shutdown: clients are ended, nothing is lost
        patience=60,
    )
    yield Service(
        "redis",
        [program("redis-server", "redis-server"), str(layout.etc / "redis.conf")],
        plain,
        "/",
        user=layout.user,
        is_ready=lambda: _redis_is_ready(layout),
    )
    for name in ROLE_OF:
        yield Service(
            name,
            ["sh", f"deploy/{name}.sh"],
            environment_of(layout, name),
            str(ROOT),
            user=layout.user,
            is_ready=(lambda: _web_is_ready(layout)) if name == "web" else lambda: True,
            patience=40,
        )
    yield Service(
        "nginx",
        [program("nginx", "nginx-light"), "-e", "stderr", "-c", str(layout.etc / "nginx.conf")],
        plain,
        "/",
        is_ready=lambda: _answers(layout.https_port),
        stop_with=signal.SIGQUIT,
    )


def prepare_portal(layout: Layout, admin_email: str, tell: Callable[[str], None]) -> None:
    """Roles, tables, static files and the first administrator: at every start, and only what is missing happens."""
    files.folder(layout.folder("data", "portal"), owner=layout.user)
    values = {
        name: vault.read(layout, name) for name in (*vault.OF_THE_PORTAL, *vault.OF_THE_STARTER)
    }
    base = environment_of(layout, "worker")
    roles = {
        name: values[name]
        for name in (
            "DATABASE_ADMIN_URL",
            "DATABASE_OWNER_URL",
            "DATABASE_URL",
            "DATABASE_SYSTEM_URL",
        )
    }
    _manage({**base, **roles}, "create_database_roles", user=layout.user)
    owner = {**base, "DATABASE_OWNER_URL": values["DATABASE_OWNER_URL"]}
    # The web server's script asks the checks; before the first migration there is nothing to ask.
    _manage(owner, "migrate", "--skip-checks", user=layout.user)
    files.folder(layout.folder("static"), owner=layout.user, mode=0o755)
    _manage(base, "collectstatic", "--no-input", "--verbosity", "0", user=layout.user)
    if admin_email:
        said = _manage(base, "create_admin", "--email", admin_email, user=layout.user)
        tell(said.strip())


def _manage(env: dict[str, str], *command: str, user: str = "") -> str:
    """Through this Python; what goes wrong stops the start, in the command's own words."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        **as_user(user),  # type: ignore[call-overload]
    )
    if done.returncode:
        raise Refused(f"manage.py {command[0]} failed; what it said stands above.")
    return done.stdout


def _postgres_is_ready(layout: Layout) -> bool:
    command = [program("pg_isready", "postgresql"), "-q", "-h", "127.0.0.1", "-p"]
    return subprocess.run([*command, str(layout.postgres_port)]).returncode == 0


def _redis_is_ready(layout: Layout) -> bool:
    password = vault.read(layout, "REDIS_PASSWORD")
    try:
        with socket.create_connection(("127.0.0.1", layout.redis_port), timeout=2) as client:
            client.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2 and (more := client.recv(1000)):
                said += more
            return b"+PONG" in said
    except OSError:
        return False


def _web_is_ready(layout: Layout) -> bool:
    client = http.client.HTTPConnection("127.0.0.1", layout.web_port, timeout=5)
    try:
        client.request("GET", "/readyz", headers={"Host": layout.hosts[0]})
        return client.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False
