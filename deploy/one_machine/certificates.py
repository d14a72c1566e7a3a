"""Certificates: a local authority for the parts among themselves, and for browsers where none was given."""

import os
import subprocess
from pathlib import Path

from deploy.one_machine import files
from deploy.one_machine.layout import Layout, Refused, is_address, program

RENEW_BEFORE = 30 * 24 * 60 * 60  # seconds
LIFE_OF_AUTHORITY, LIFE_OF_SERVER = 3650, 397  # days


def make(layout: Layout) -> None:
    """Makes what is missing, about to end, or for other names. The authority stays: clients may trust it already."""
    files.folder(layout.tls, mode=0o755)
    _authority(layout)
    postgres = ("localhost", "127.0.0.1", "postgres")
    _server(layout, "postgres", postgres, owner=layout.database_user)
    if layout.in_containers and os.getuid() == 0:
        # PostgreSQL takes a key of root's that its group reads; 999 is its group in the official image.
        os.chown(layout.tls / "postgres-key.pem", 0, 999)
        (layout.tls / "postgres-key.pem").chmod(0o640)
    certificate, key = layout.tls / "server.pem", layout.tls / "server-key.pem"
    if layout.certificate is None or layout.certificate_key is None:
        _server(layout, "server", (*layout.hosts, "localhost", "127.0.0.1"), owner="")
        key.chmod(layout.secret_mode)
    elif layout.in_containers:
        files.write(certificate, layout.certificate.read_bytes(), mode=0o644)
        files.write(key, layout.certificate_key.read_bytes(), mode=layout.secret_mode)


def of_the_door(layout: Layout) -> tuple[Path, Path]:
    """Certificate and key that browsers meet."""
    if layout.certificate is not None and layout.certificate_key is not None:
        return layout.certificate.resolve(), layout.certificate_key.resolve()
    return layout.tls / "server.pem", layout.tls / "server-key.pem"


def _authority(layout: Layout) -> None:
    certificate, key = layout.tls / "ca.pem", layout.tls / "ca-key.pem"
    if certificate.exists() and key.exists():
        return
    _make_key(key, owner="")
    _openssl(
        *("req", "-x509", "-new", "-key", str(key), "-days", str(LIFE_OF_AUTHORITY)),
        *("-subj", "/CN=Gatehouse on one machine", "-out", str(certificate)),
        *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    certificate.chmod(0o644)


def _server(layout: Layout, name: str, hosts: tuple[str, ...], *, owner: str) -> None:
    certificate, key = layout.tls / f"{name}.pem", layout.tls / f"{name}-key.pem"
    names = ",".join(sorted({f"{'IP' if is_address(host) else 'DNS'}:{host}" for host in hosts}))
    known = layout.tls / f"{name}.names"
    if (
        certificate.exists()
        and key.exists()
        and known.exists()
        and known.read_text() == names
        and _holds(certificate)
    ):
        return
    _make_key(key, owner=owner)
    extensions = layout.tls / f"{name}.ext"
    files.write(
        extensions,
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n",
    )
    request = layout.tls / f"{name}.csr"
    _openssl("req", "-new", "-key", str(key), "-subj", f"/CN={hosts[0][:64]}", "-out", str(request))
    _openssl(
        *("x509", "-req", "-in", str(request), "-days", str(LIFE_OF_SERVER), "-out"),
        *(str(certificate), "-CA", str(layout.tls / "ca.pem"), "-CAkey"),
        *(str(layout.tls / "ca-key.pem"), "-CAcreateserial", "-extfile", str(extensions)),
    )
    certificate.chmod(0o644)
    request.unlink()
    extensions.unlink()
    files.write(known, names)


def _holds(certificate: Path) -> bool:
    command = ["x509", "-checkend", str(RENEW_BEFORE), "-noout", "-in", str(certificate)]
    return _run(command).returncode == 0


def _make_key(path: Path, *, owner: str) -> None:
    done = _run(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    files.write(path, done.stdout, owner=owner)


def _openssl(*arguments: str) -> None:
    done = _run(list(arguments))
    if done.returncode:
        raise Refused(f"openssl {arguments[0]} failed: {done.stderr.strip()[-500:]}")


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [program("openssl", "openssl"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)
