"""Writes files that others must not read, and gives them to whom they are for."""

import os
import pwd
from pathlib import Path

from deploy.one_machine.layout import Refused


def write(path: Path, text: str | bytes, *, owner: str = "", mode: int = 0o600) -> None:
    """Replaces the file as a whole; it never exists with wider rights than `mode`."""
    content = text.encode() if isinstance(text, str) else text
    written = path.with_name(f".{path.name}.new")
    written.unlink(missing_ok=True)
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    give(written, owner)
    written.replace(path)


def folder(path: Path, *, owner: str = "", mode: int = 0o700) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    give(path, owner)
    return path


def give(path: Path, owner: str) -> None:
    """To this user, where we may."""
    if owner and os.getuid() == 0:
        entry = account(owner)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Refused(
            f"There is no user {name}. Make one with: useradd --system --shell /usr/sbin/nologin {name}"
        ) from None
