"""The configuration of PostgreSQL, Redis and nginx, written anew at each start from what was asked for."""

import os
import subprocess
from pathlib import Path

from deploy.one_machine import certificates, files, vault
from deploy.one_machine.layout import Layout, Refused, program

HERE = Path(__file__).parent
HBA = """\
# Written at each start. Nobody comes in without TLS and a password.
hostssl all all all scram-sha-256
"""
HBA_IN_CONTAINER = (
    "local all all scram-sha-256\n"  # the image's own first start, within the container
)


def make(layout: Layout) -> None:
    files.folder(layout.etc, mode=0o755)
    _postgres(layout)
    _redis(layout)
    _nginx(layout)


def _postgres(layout: Layout) -> None:
    where = "*" if layout.in_containers else "127.0.0.1"
    tls = "/run/secrets" if layout.in_containers else str(layout.tls)
    names = (
        ("postgres_certificate", "postgres_key")
        if layout.in_containers
        else ("postgres.pem", "postgres-key.pem")
    )
    lines = {
        "listen_addresses": where,
        "port": str(layout.postgres_port),
        "unix_socket_directories": "/var/run/postgresql" if layout.in_containers else "",
        "ssl": "on",
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_cert_file": f"{tls}/{names[0]}",
        "ssl_key_file": f"{tls}/{names[1]}",
        "password_encryption": "scram-sha-256",
        "hba_file": f"{'/etc/gatehouse' if layout.in_containers else layout.etc}/pg_hba.conf",
        "max_connections": "200",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "log_min_messages": "warning",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",  # statements hold values
    }  # fmt: skip
    text = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
    files.write(layout.etc / "postgresql.conf", text, owner=layout.database_user, mode=0o644)
    hba = HBA + (HBA_IN_CONTAINER if layout.in_containers else "")
    files.write(layout.etc / "pg_hba.conf", hba, owner=layout.database_user, mode=0o644)


def create_cluster(layout: Layout) -> None:
    """The database cluster, where there is none yet."""
    data = files.folder(layout.folder("data", "postgres"), owner=layout.database_user)
    if (data / "PG_VERSION").exists():
        return
    initdb = program("initdb", "postgresql")
    password = layout.folder("data", ".password")
    files.write(password, vault.read(layout, "POSTGRES_PASSWORD"), owner=layout.database_user)
    try:
        done = subprocess.run(
            [
                *(initdb, "-D", str(data), "-U", "postgres", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={password}"),
            ],
            cwd="/",
            capture_output=True,
            text=True,
            **as_user(layout.database_user),  # type: ignore[call-overload]
        )
    finally:
        password.unlink()
    if done.returncode:
        raise Refused(f"initdb failed: {done.stderr.strip()[-1000:]}")


def as_user(name: str) -> dict[str, object]:
    """Options for subprocess: another user where we are root."""
    if not name or os.getuid() != 0:
        return {}
    entry = files.account(name)
    return {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": os.getgrouplist(name, entry.pw_gid),
    }


def _redis(layout: Layout) -> None:
    data = "/data" if layout.in_containers else str(layout.folder("data", "redis"))
    if not layout.in_containers:
        files.folder(layout.folder("data", "redis"), owner=layout.user)
    text = (
        f"bind {'* -::*' if layout.in_containers else '127.0.0.1'}\n"
        f"port {layout.redis_port}\n"
        f"requirepass {vault.read(layout, 'REDIS_PASSWORD')}\n"
        "protected-mode yes\n"
        f'dir "{data}"\n'
        "appendonly yes\n"
        "maxmemory-policy noeviction\n"  # limits and the task queue are not to be forgotten
        "loglevel warning\n"
        "daemonize no\n"
    )
    files.write(layout.etc / "redis.conf", text, owner=layout.user, mode=layout.secret_mode)


def _nginx(layout: Layout) -> None:
    certificate, key = certificates.of_the_door(layout)
    run = "/tmp" if layout.in_containers else str(layout.folder("run"))  # noqa: S108 - its own tmpfs there
    if not layout.in_containers:
        files.folder(layout.folder("run"), owner=layout.user)
    if layout.in_containers:
        certificate, key = Path("/run/secrets/certificate"), Path("/run/secrets/certificate_key")
    values = {
        "user": f"user {layout.user} {_group(layout.user)};" if _drops_rights(layout) else "",
        "run": run,
        "certificate": str(certificate),
        "key": str(key),
        "hosts": " ".join(layout.hosts),
        "http": "8080" if layout.in_containers else str(layout.http_port),
        "https": "8443" if layout.in_containers else str(layout.https_port),
        "public_port": "" if layout.https_port == 443 else f":{layout.https_port}",
        "web": f"{layout.host_of('web')}:{layout.web_port}",
        "default_http": "default_server" if layout.names_an_address else "",
        "strangers": "" if layout.names_an_address else _STRANGERS,
    }
    text = (HERE / "nginx.conf.template").read_text()
    for name in ("strangers", *values):
        text = text.replace(f"@{name}@", values[name])
    # nginx' master reads it and the key as whoever starts it.
    files.write(layout.etc / "nginx.conf", text, mode=0o644)


_STRANGERS = """
    # Whoever asks for another name learns nothing, not even the certificate.
    server {
        listen @http@ default_server;
        return 444;
    }
    server {
        listen @https@ ssl default_server;
        ssl_reject_handshake on;
    }
"""


def _drops_rights(layout: Layout) -> bool:
    return bool(layout.user) and os.getuid() == 0 and not layout.in_containers


def _group(user: str) -> str:
    import grp

    return grp.getgrgid(files.account(user).pw_gid).gr_name
