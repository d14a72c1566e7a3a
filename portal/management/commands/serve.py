"""`make run`: everything in one foreground command. Web server, and worker with scheduler, under one parent."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

THREADS = 64
READY_WITHIN = 60  # seconds
STOP_WITHIN = 15  # seconds until what has not stopped is killed


class Command(BaseCommand):
    help = "Migrates, loads the demo organisation (unless DEMO=0) and serves, until Ctrl-C."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = os.environ.get("HOST", "127.0.0.1"), _port()
        _check_directory(settings.DATA_DIR)
        _check_port(host, port)
        call_command("migrate", verbosity=0, interactive=False)
        shown = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        os.environ.setdefault("PORTAL_BASE_URL", shown)
        if os.environ.get("DEMO", "1") != "0":
            call_command("load_demo", stdout=self.stdout)
        else:
            call_command("create_admin", email=settings.ADMIN_EMAIL, stdout=self.stdout)
        self.stdout.write(f"Administrator: {settings.ADMIN_EMAIL}")
        self.stdout.flush()
        House(host, port).run(lambda: self.stdout.write(f"Gatehouse is open: {shown}"))


class House:
    """The children, each in a process group of its own, so that a Ctrl-C reaches them once, through the parent."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.children: dict[str, subprocess.Popen] = {}
        self.stopping = False

    def run(self, opened: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._start("web server", self._web())
            self._wait_until_open()
            if not self.stopping:
                opened()
                sys.stdout.flush()
                self._start("worker", self._worker())
            self._watch()
        finally:
            self._end()

    def _start(self, name: str, command: list[str]) -> None:
        self.children[name] = subprocess.Popen(command, start_new_session=True)  # noqa: S603

    def _web(self) -> list[str]:
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
            *("--host", self.host, "--port", str(self.port), "--log-level", "error"),
            *("--log-config", str(settings.BASE_DIR / "deploy" / "web_log.json")),
            *("--workers", "1", "--blocking-threads", str(THREADS)),
            *("--backpressure", str(THREADS), "--workers-kill-timeout", "5"),
            "portal.wsgi:application",
        ]

    def _worker(self) -> list[str]:
        return [
            *(sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet", "worker"),
            *("-B", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]

    def _wait_until_open(self) -> None:
        until = time.monotonic() + READY_WITHIN
        probe = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        address = f"http://{'[' + probe + ']' if ':' in probe else probe}:{self.port}/healthz"
        while not self.stopping:
            if self.children["web server"].poll() is not None:
                raise CommandError("The web server did not start.")
            try:
                with urllib.request.urlopen(address, timeout=2):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > until:
                    raise CommandError("The web server does not answer.") from None
                time.sleep(0.05)

    def _watch(self) -> None:
        """Until we are told to stop, or a child ends by itself: then the rest is stopped and it is said which."""
        while not self.stopping:
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise CommandError(
                        f"The {name} ended by itself with status {child.returncode}."
                    )
            time.sleep(0.2)

    def _stop(self, number: int, frame: Any) -> None:
        self.stopping = True

    def _end(self) -> None:
        """One signal to each, then patience, then an end."""
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN
        for child in self.children.values():
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            _end_group(child.pid)


def _end_group(group: int) -> None:
    """What a child left behind in its process group, such as the scheduler of a worker that was killed."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _port() -> int:
    try:
        port = int(os.environ.get("PORT") or 8000)
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise CommandError("PORT is a number from 1 to 65535.")
    return port


def _check_directory(directory: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError:
        raise CommandError(f"The data directory {directory} cannot be written.") from None


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise CommandError(
                f"Port {port} on {host} is taken; choose another with PORT=… make run."
            ) from None
