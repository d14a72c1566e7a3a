"""How fast the trail is verified: by the portal on PostgreSQL, and by the file that runs alone. Entries a second.

Run by `python -m tests.bench --only verification`; each figure also for a core, which is what the process itself used.
"""

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ENTRIES = 1_000_000
# Entries of a usual length: a change of a project by a person, with sealed values.
FILL = """
INSERT INTO audit_entry ({columns}) SELECT
    i, now() - interval '1 year' + i * interval '30 ms', 'update', 'done', 'user', '12', 12,
    'sealed:gAAAAABnRZk1' || repeat('x', 120), NULL, '', 'projects.Project', (i % 1000)::text,
    'assistant-' || i % 1000, NULL, 3,
    '{{"name":["name ' || i || '","another ' || i || '"],"visibility":["private","public"]}}',
    '', 'PATCH', '/api/projects/assistant/', 200, '203.0.113.' || i % 250, 'req_' || md5(i::text)
FROM generate_series(1, {entries}) AS i
"""


def measure(env: dict[str, str], *, entries: int = ENTRIES) -> dict[str, Any]:
    """In an installation with an empty trail."""
    from audit.verifier import FIELDS

    seed = secrets.token_bytes(32)
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-verification-"))
    env = env | {
        "PORTAL_AUDIT_SIGNING_KEY": base64.b64encode(seed).decode(),
        "PORTAL_AUDIT_CHECKPOINT_FILE": str(folder / "checkpoints.jsonl"),
    }
    try:
        owner_url = env["DATABASE_ADMIN_URL"].replace("/postgres?", "/portal?")
        with psycopg.connect(owner_url, autocommit=True) as owner:
            owner.execute(FILL.format(columns=", ".join(FIELDS), entries=entries))
            owner.execute(
                "SELECT setval(pg_get_serial_sequence('audit_entry', 'id'), max(id)) FROM audit_entry"
            )
            owner.execute("VACUUM ANALYZE audit_entry")
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        shutil.copy("audit/verifier.py", folder)
        export = ["manage.py", "export_audit", "--output"]
        alone = [
            "-I",
            str(folder / "verifier.py"),
            "--checkpoints",
            str(folder / "checkpoints.jsonl"),
        ]
        alone += ["--public-key", base64.b64encode(public).decode(), "--export"]
        steps = {
            "seal": ["manage.py", "seal_audit"],
            "verify_audit": ["manage.py", "verify_audit", "--no-seal"],
            "export": [*export, str(folder / "trail.jsonl")],
            "verifier.py": [*alone, str(folder / "trail.jsonl")],
            "export, compressed": [*export, str(folder / "trail.jsonl.gz")],
            "verifier.py, compressed": [*alone, str(folder / "trail.jsonl.gz")],
        }
        return {name: _rate(command, env, entries) for name, command in steps.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rate(command: list[str], env: dict[str, str], entries: int) -> dict[str, Any]:
    begun = time.monotonic()
    running = subprocess.Popen([sys.executable, *command], env={**os.environ, **env})
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{command} ended with {running.returncode}")
    return {
        "per_second": round(entries / (time.monotonic() - begun)),
        "per_core_second": round(entries / (used.ru_utime + used.ru_stime)),
        "peak_mb": used.ru_maxrss // 1024,
    }


def show(found: dict[str, Any]) -> None:
    for step, figures in found.items():
        words = ", ".join(f"{name} {value:,}" for name, value in figures.items())
        sys.stdout.write(f"trail, {step}: {words}\n")
