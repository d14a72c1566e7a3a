"""Development's generated secrets: the file `env` in the data directory, and who may go on in development by it.

Development is said in the environment: `PORTAL_ENV=development`, as `make run` does. Only commands of `manage.py` find it
in the file too, so that `manage.py create_key` works after `make run`. What serves or works on tasks never does: a file
that was left on a machine does not make its portal a development one.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
SECRETS = (
    "PORTAL_SECRET_KEY",
    "PORTAL_FERNET_KEYS",
    "PORTAL_KEY_PEPPER",
    "PORTAL_AUDIT_SIGNING_KEY",
)
SERVING = frozenset(["serve", "runserver"])


def data_dir() -> Path:
    return Path(os.environ.get("PORTAL_DATA_DIR") or ROOT / "var").resolve()


def adopt(command: str) -> None:
    """For manage.py, before anything of Django's: goes on in the development that the file says, and says so.

    Not if the environment has an opinion: PORTAL_ENV, be it empty, or a secret of its own. A command of a production
    installation would otherwise work on its data with development's switches, or with keys that are not its own.
    """
    said = [name for name in os.environ if name.removesuffix("_FILE") in SECRETS]
    if "PORTAL_ENV" in os.environ or said or command in SERVING:
        return
    path = data_dir() / "env"
    if _read(path).get("PORTAL_ENV") != "development":
        return
    load(path)
    sys.stderr.write(f"Gatehouse: development, by {path}\n")


def load(path: Path) -> None:
    """Sets what the environment leaves open."""
    for name, value in _read(path).items():
        os.environ.setdefault(name, value)


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}  # another's: then nothing is said here
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): value.strip() for name, found, value in pairs if found}


def write(path: Path) -> None:
    """Creates the file with fresh secrets, readable by its owner only; does nothing where it exists."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise SystemExit(f"The data directory {path.parent} cannot be written.") from None
    lines = [
        "# Generated for development. Production sets these in its own environment.",
        "PORTAL_ENV=development",
        f"PORTAL_SECRET_KEY={secrets.token_urlsafe(48)}",
        f"PORTAL_FERNET_KEYS={Fernet.generate_key().decode()}",
        f"PORTAL_KEY_PEPPER={secrets.token_urlsafe(48)}",
        f"PORTAL_AUDIT_SIGNING_KEY={base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PORTAL_PRIVATE_NETWORKS=127.0.0.0/8",
    ]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another process was faster; its secrets are ours
    except OSError:
        raise SystemExit(f"The data directory {path.parent} cannot be written.") from None
    with os.fdopen(descriptor, "w") as handle:
        handle.write("\n".join(lines) + "\n")
