"""The gates that need Django: no missing migration, no failed system check, none of the deployment checks either.

`python -m tests.gates` runs them as production would, from environment variables alone.
"""

import base64
import os
import secrets
import subprocess
import sys
import tempfile

from cryptography.fernet import Fernet

COMMANDS = (
    ("makemigrations", "--check", "--dry-run"),
    ("check",),
    ("check", "--deploy", "--fail-level", "WARNING"),
)


def production() -> dict[str, str]:
    """An environment with which production starts; the secrets are made for this run."""
    return {
        "PORTAL_ENV": "production",
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_FERNET_KEYS": Fernet.generate_key().decode(),
        "PORTAL_KEY_PEPPER": secrets.token_urlsafe(48),
        "PORTAL_AUDIT_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "PORTAL_ALLOWED_HOSTS": "portal.example.com",
        "PORTAL_BASE_URL": "https://portal.example.com",
        "PORTAL_DATA_DIR": tempfile.gettempdir(),
        "WEB_WORKERS": "1",
    }


def clean_environment(**extra: str) -> dict[str, str]:
    """This process' environment without anything of the portal's, and `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        # Nor of the tests' browser, which runs its loop in this thread.
        if not name.startswith(("PORTAL_", "DATABASE_", "DJANGO_")) and name != "REDIS_URL"
    }
    return {**kept, **extra}


def main() -> int:
    env = clean_environment(**production())
    for command in COMMANDS:
        done = subprocess.run([sys.executable, "manage.py", *command], env=env)
        if done.returncode:
            sys.stderr.write(f"manage.py {' '.join(command)} failed\n")
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
