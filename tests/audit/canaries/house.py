"""The installation that is swept: web server, worker, database, Redis and a mail server, as production starts them."""

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from celery import Celery
from cryptography.fernet import Fernet

from tests.audit.canaries.browser import Browser, Exchanged
from tests.audit.canaries.mailbox import Mailbox
from tests.gates.__main__ import clean_environment
from tests.model_server import ModelServer
from tests.servers import free_port, postgres_server, redis_server_process
from tests.tooling.installation import ROOT, collect, role_urls

WRAPPED = "tests.audit.canaries"
URLS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_SYSTEM_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
)


@dataclass
class House:
    """Where everything is, and everything that was said so far."""

    directory: Path
    env: dict[str, str]
    port: int
    models: ModelServer
    mailbox: Mailbox
    superuser: str = ""
    journal: list[Exchanged] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    monitored: list[bytes] = field(default_factory=list)

    def browser(self, who: str, address: str = "203.0.113.9") -> Browser:
        return Browser(self.port, who, self.journal, address)

    def command(self, *words: str, expect: int = 0) -> str:
        """`manage.py` as its operator calls it; what it says is kept."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.env, capture_output=True, text=True,
        )  # fmt: skip
        self.commands.append((words[0], done.stdout + done.stderr))
        assert done.returncode == expect, (words, done.stdout, done.stderr)
        return done.stdout

    def task(self, name: str) -> None:
        """Sends a task to the worker, as beat does."""
        url = self.env.get("REDIS_URL") or f"sqla+sqlite:///{self.data / 'broker.db'}"
        with Celery("beat", broker=url, task_ignore_result=True) as beat:
            beat.send_task(name, ignore_result=True)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @contextmanager
    def broken(self, place: str) -> Iterator[None]:
        """While this function of the portal breaks whenever it is called."""
        switch = Path(self.env["CANARY_BREAKS"])
        switch.write_text(place)
        try:
            yield
        finally:
            switch.write_text("")

    def log(self, name: str) -> bytes:
        return (self.directory / f"{name}.log").read_bytes()


def secrets_of_the_environment() -> dict[str, str]:
    """A good value for each variable that holds a secret; the addresses of databases have their own."""
    return {
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_FERNET_KEYS": ",".join(Fernet.generate_key().decode() for _ in range(2)),
        "PORTAL_KEY_PEPPER": secrets.token_urlsafe(48),
        "PORTAL_AUDIT_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "PORTAL_EMAIL_PASSWORD": secrets.token_urlsafe(24),
        "PORTAL_ADMIN_PASSWORD": secrets.token_urlsafe(24),
    }


@contextmanager
def _started(script: str, house: House, name: str, portal: str) -> Iterator[None]:
    """One of `deploy/`'s scripts as it is, but for the module that it starts."""
    text = (ROOT / "deploy" / script).read_text()
    assert portal in text
    text = text.replace(
        portal,
        portal.replace("portal.wsgi", f"{WRAPPED}.web").replace(
            "portal.celery", f"{WRAPPED}.worker"
        ),
    )
    with (house.directory / f"{name}.log").open("wb") as said:
        process = subprocess.Popen(
            ["sh", "-c", text, f"deploy/{script}"],
            cwd=ROOT, env=house.env, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # what it wrote is read by now
            process.wait(60)


def _wait_for_web(house: House) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            if house.browser("operator", "").get("/healthz").status == 200:
                return
        except OSError:
            assert time.monotonic() < until, house.log("web").decode()
            time.sleep(0.1)


@contextmanager
def _monitored(house: House) -> Iterator[None]:
    """All that any process tells Redis, from now on, as Redis itself repeats it."""
    parts = urlsplit(house.env["REDIS_URL"])
    with socket.create_connection(("127.0.0.1", parts.port)) as client:
        client.sendall(f"AUTH {parts.password}\r\nMONITOR\r\n".encode())

        def listen() -> None:
            try:
                while said := client.recv(65536):
                    house.monitored.append(said)
            except OSError:
                return

        threading.Thread(target=listen, daemon=True).start()
        yield


@contextmanager
def running(tmp_path_factory: Any, database: str) -> Iterator[House]:
    """`database` is *sqlite*, with the embedded broker, or *postgres*, with Redis."""
    directory = tmp_path_factory.mktemp(f"canaries-{database}")
    (directory / "data").mkdir()
    (directory / "breaks").write_text("")
    with ExitStack() as stack:
        port, mailbox = free_port(), Mailbox()
        stack.callback(mailbox.shutdown)
        env = clean_environment(
            **secrets_of_the_environment(),
            PORTAL_ENV="production",
            PORTAL_ALLOWED_HOSTS="portal.example.com",
            PORTAL_BASE_URL="https://portal.example.com",
            PORTAL_TRUSTED_PROXIES="127.0.0.1/32",
            PORTAL_PRIVATE_NETWORKS="127.0.0.0/8",
            PORTAL_DATA_DIR=str(directory / "data"),
            PORTAL_BASIC_AUTH="true",
            PORTAL_EMAIL_HOST="127.0.0.1",
            PORTAL_EMAIL_PORT=str(mailbox.port),
            PORTAL_EMAIL_USER="gatehouse",
            PORTAL_EMAIL_TLS="false",
            CANARY_BREAKS=str(directory / "breaks"),
            PORT=str(port),
            WEB_WORKERS="1",
            WEB_THREADS="8",
            WORKER_CONCURRENCY="1",
            PYTHONWARNINGS="ignore",
        )
        superuser = ""
        if database == "postgres":
            superuser = stack.enter_context(postgres_server())
            env |= role_urls(superuser)
            url = stack.enter_context(redis_server_process(directory / "redis"))
            password = secrets.token_urlsafe(24)
            redis.Redis.from_url(url).config_set("requirepass", password)
            env["REDIS_URL"] = url.replace("//", f"//:{password}@", 1)
        models = stack.enter_context(ModelServer())
        house = House(directory, env, port, models, mailbox, superuser)
        if database == "postgres":
            house.command("create_database_roles")
            stack.enter_context(_monitored(house))
        house.command("migrate", "--verbosity", "0")
        collect(env, tmp_path_factory.getbasetemp().parent)
        stack.enter_context(_started("web.sh", house, "web", "portal.wsgi:application"))
        stack.enter_context(_started("worker.sh", house, "worker", "portal.celery"))
        _wait_for_web(house)
        yield house


def server_log(house: House) -> bytes:
    """What the server of PostgreSQL wrote down, as it is deployed: without statements but those that failed."""
    with psycopg.connect(_of_the_database(house)) as client:
        folder = client.execute("SHOW data_directory").fetchone()[0]
    return (Path(folder) / "log").read_bytes()


def _of_the_database(house: House) -> str:
    parts = urlsplit(house.superuser)
    return parts._replace(path="/portal").geturl()


def passwords_of(env: dict[str, str]) -> dict[str, str]:
    """Of the addresses of databases and Redis, by variable."""
    found = {name: urlsplit(env.get(name, "")).password for name in URLS}
    return {name: password for name, password in found.items() if password}
