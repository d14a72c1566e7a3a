"""Starts what a benchmark needs as processes of their own, pinned to a core where the machine lets it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests

THREADS = 256


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def serving(kind: str, application: str, port: int) -> list[str]:
    """The command of a WSGI server with one process: `gthread`, `gevent` or `granian`."""
    if kind == "granian":
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--blocking-threads", str(THREADS)),
            *("--backpressure", str(THREADS), "--no-ws", "--log-level", "warning", application),
        ]
    worker = ["--worker-class", "gevent", "--worker-connections", "1000"]
    if kind == "gthread":
        worker = ["--worker-class", "gthread", "--threads", str(THREADS)]
    return [
        *(sys.executable, "-m", "gunicorn", "--workers", "1", *worker, "--keep-alive", "30"),
        *(
            "--backlog",
            "1024",
            "--bind",
            f"127.0.0.1:{port}",
            "--log-level",
            "warning",
            application,
        ),
    ]


@contextmanager
def process(
    command: Sequence[str], *, env: dict[str, str], core: int | None = None
) -> Iterator[subprocess.Popen]:
    pinned = ["taskset", "-c", str(core)] if core is not None and shutil.which("taskset") else []
    running = subprocess.Popen(
        [*pinned, *command], env={**os.environ, **env}, start_new_session=True
    )
    try:
        yield running
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_for(port: int, path: str = "/", seconds: float = 30) -> None:
    """Until something answers HTTP there, with whatever status."""
    until = time.monotonic() + seconds
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}{path}", timeout=2)
            return
        except requests.RequestException:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
