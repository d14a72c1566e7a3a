"""An installation by `deploy/one_machine.sh` for real, on free ports, furnished with the demo organisation."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import requests

from tests.gates.__main__ import clean_environment
from tests.servers import free_port
from tests.tooling.installation import ROOT, manage

PROGRAMS = ("nginx", "redis-server", "openssl")
HOST = "localhost"


def missing_programs() -> list[str]:
    """What of the system's programs this machine lacks."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and not shutil.which("initdb"):
        missing.append("postgresql")
    return missing


class OneMachine:
    """The directory outlives `stop` and `start`; the ports stay."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = SimpleNamespace(
            https=free_port(), http=free_port(), postgres=free_port(), redis=free_port(), web=free_port()
        )  # fmt: skip
        self.base = f"https://{HOST}:{self.ports.https}"
        self.log = directory.with_suffix(".log")
        self.process: subprocess.Popen | None = None

    def command(self, *more: str) -> list[str]:
        ports = vars(self.ports).items()
        root = ["--user", "root", "--database-user", "postgres"] if os.getuid() == 0 else []
        return [
            *("sh", "deploy/one_machine.sh", str(self.directory), "--host", HOST),
            *(word for name, port in ports for word in (f"--{name}-port", str(port))),
            *root,
            *more,
        ]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("--admin-email", "admin@example.com"),
                cwd=ROOT,
                env=clean_environment(PORTAL_PRIVATE_NETWORKS="127.0.0.0/8", WEB_THREADS="32"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_for("open at", times=self.said("open at") + 1)

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)

    def wait_for(self, words: str, *, times: int = 1, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while self.said(words) < times:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(90)

    @property
    def authority(self) -> str:
        return str(self.directory / "tls" / "ca.pem")

    def secret(self, name: str) -> str:
        return (self.directory / "secrets" / name).read_text()

    def env(self) -> dict[str, str]:
        """For commands, as an administrator of the machine would run them."""
        names = (
            "PORTAL_SECRET_KEY",
            "PORTAL_FERNET_KEYS",
            "PORTAL_KEY_PEPPER",
            "PORTAL_AUDIT_SIGNING_KEY",
        )
        names += ("REDIS_URL", "DATABASE_SYSTEM_URL", "DATABASE_URL")
        env = clean_environment(
            PORTAL_ENV="production",
            PORTAL_ALLOWED_HOSTS=HOST,
            PORTAL_BASE_URL=self.base,
            PORTAL_TRUSTED_PROXIES="127.0.0.1/32",
            PORTAL_DATA_DIR=str(self.directory / "data" / "portal"),
            PORTAL_STATIC_DIR=str(self.directory / "static"),
            DJANGO_SETTINGS_MODULE="portal.settings",
            **{f"{name}_FILE": str(self.directory / "secrets" / name) for name in names},
        )
        env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests' own
        return env

    def key_of(self, email: str) -> str:
        return manage(self.env(), "create_key", "--user", email, "--name", "test").strip()

    def processes(self) -> dict[str, int]:
        """The number of each service's first process."""
        assert self.process is not None
        found = {}
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in listed.splitlines():
            number, words = line.split(maxsplit=1)
            for name in ("postgres", "redis", "granian", "worker", "beat", "nginx"):
                if name in words.replace(str(self.directory), ""):
                    found.setdefault(name, int(number))
        return found

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        return requests.request(
            method, self.base + path, verify=self.authority, timeout=60, **options  # type: ignore[arg-type]
        )  # fmt: skip


@contextmanager
def one_machine() -> Iterator[OneMachine]:
    """Started once, with demo data. The folder is one that PostgreSQL's user can reach, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="gatehouse-machine-"))
    directory.chmod(0o755)
    machine = OneMachine(directory / "installation")
    try:
        machine.start()
        manage(
            machine.env(), "check", "--deploy", "--database", "default", "--fail-level", "WARNING"
        )
        manage(machine.env(), "load_demo")
        yield machine
    finally:
        machine.stop()
        shutil.rmtree(directory, ignore_errors=True)


def name_of_user(number: int) -> str:
    stat = Path(f"/proc/{number}").stat()
    return pwd.getpwuid(stat.st_uid).pw_name
