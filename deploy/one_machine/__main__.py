"""Prepares an installation in a directory, starts all of it in order, and keeps it running.

    python -m deploy.one_machine /var/lib/gatehouse --host portal.example.com --admin-email you@example.com

Everything is made once and kept: secrets, certificates, the database. A second start finds it and migrates. Stop it with
SIGTERM or Ctrl-C; under systemd it is one service.
"""

import argparse
import fcntl
import os
import pwd
import sys
from pathlib import Path

from deploy.one_machine import certificates, files, servers, vault
from deploy.one_machine.layout import Layout, Refused
from deploy.one_machine.portal import prepare_portal, services
from deploy.one_machine.processes import Supervisor


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/one_machine.sh", description=__doc__)
    parser.add_argument("directory", type=Path, help="of all that outlives a start")
    parser.add_argument(
        "--host", action="append", required=True, help="name it is reached by; the first is shown"
    )
    parser.add_argument("--admin-email", default="", help="makes the first administrator")
    parser.add_argument("--certificate", type=Path, help="PEM with its chain; without: its own")
    parser.add_argument("--certificate-key", type=Path, help="PEM")
    parser.add_argument("--https-port", type=int, default=443)
    parser.add_argument("--http-port", type=int, default=80, help="only leads to HTTPS")
    parser.add_argument("--postgres-port", type=int, default=5432, help="on loopback")
    parser.add_argument("--redis-port", type=int, default=6379, help="on loopback")
    parser.add_argument("--web-port", type=int, default=8000, help="on loopback")
    parser.add_argument("--user", help="runs all but the database (default, as root: gatehouse)")
    parser.add_argument("--database-user", help="runs PostgreSQL (default, as root: postgres)")
    parser.add_argument("--prepare-only", action="store_true", help="writes files, starts nothing")
    parser.add_argument(
        "--for-containers", action="store_true", help="writes what deploy/compose.yaml mounts"
    )
    return parser.parse_args()


def layout_of(asked: argparse.Namespace) -> Layout:
    if (asked.certificate is None) != (asked.certificate_key is None):
        raise Refused("A certificate and its key are given together.")
    is_root, me = os.getuid() == 0, pwd.getpwuid(os.getuid()).pw_name
    return Layout(
        directory=asked.directory.resolve(),
        hosts=tuple(host.lower() for host in asked.host),
        https_port=asked.https_port,
        http_port=asked.http_port,
        postgres_port=5432 if asked.for_containers else asked.postgres_port,
        redis_port=6379 if asked.for_containers else asked.redis_port,
        web_port=8000 if asked.for_containers else asked.web_port,
        user="" if asked.for_containers else asked.user or ("gatehouse" if is_root else me),
        database_user=""
        if asked.for_containers
        else asked.database_user or ("postgres" if is_root else me),
        certificate=asked.certificate,
        certificate_key=asked.certificate_key,
        in_containers=asked.for_containers,
    )


def tell(line: str) -> None:
    sys.stderr.write(f"one_machine: {line}\n")
    sys.stderr.flush()


def run(asked: argparse.Namespace) -> None:
    layout = layout_of(asked)
    files.folder(layout.directory, mode=0o700 if layout.in_containers else 0o711)
    with (layout.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"Another one runs in {layout.directory}.") from None
        files.folder(layout.folder("data"), mode=0o711)
        vault.make(layout)
        certificates.make(layout)
        servers.make(layout)
        tell(f"prepared {layout.directory}")
        if not (asked.prepare_only or asked.for_containers):
            serve(layout, asked.admin_email)


def serve(layout: Layout, admin_email: str) -> None:
    servers.create_cluster(layout)
    supervisor = Supervisor(tell)
    supervisor.listen()
    try:
        for service in services(layout):
            if service.name == "web":
                prepare_portal(layout, admin_email, tell)
            supervisor.start(service)
        tell(f"open at {layout.base_url}")
        supervisor.watch()
    except KeyboardInterrupt:
        pass
    finally:
        tell("stops")
        supervisor.stop()


def main() -> int:
    try:
        run(options())
    except Refused as refused:
        tell(str(refused))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
