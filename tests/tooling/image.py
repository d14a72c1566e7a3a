"""Carries out a Dockerfile's steps in a bootstrapped Debian root, where there is no Docker: each RUN really runs.

Steps are lent what a machine needs to reach its package indexes (resolver, certificates, pip's own configuration);
nothing of that stays in the image.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIRROR = "http://deb.debian.org/debian"
BASES = {"debian:bookworm-slim": "bookworm"}
NEEDED = ("debootstrap", "unshare", "chroot", "setpriv", "mount")


def missing() -> str:
    """Why no image can be built here, or nothing."""
    if os.getuid() != 0:
        return "building an image needs root"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [name for name in NEEDED if shutil.which(name, path=path) is None]
    return f"building an image needs {', '.join(absent)}" if absent else ""


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(instruction, argument), lines joined and comments left out."""
    joined = re.sub(
        r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    )
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _space, argument = line.partition(" ")
        yield name.upper(), argument.strip()


@dataclass
class Image:
    """A stage: its root, and what its last instructions say about running it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return (
            self.root / path.lstrip("/")
            if path.startswith("/")
            else self.inside(f"{self.workdir}/{path}")
        )


def build(dockerfile: Path, context: Path, directory: Path) -> Image:
    """The last stage."""
    stages: dict[str, Image] = {}
    image = Image(directory)
    for name, argument in instructions(dockerfile.read_text()):
        if name == "FROM":
            base, _as, label = argument.partition(" AS ")
            image = Image(directory / (label or f"stage{len(stages)}"))
            subprocess.run(
                ["cp", "-a", bootstrapped(BASES[base], directory), image.root], check=True
            )
            stages[label or str(len(stages))] = image
        else:
            _step(image, name, argument, context, stages)
    return image


def _step(
    image: Image, name: str, argument: str, context: Path, stages: Mapping[str, Image]
) -> None:
    if name == "RUN":
        run(image, argument)
    elif name == "COPY":
        _copy(image, argument, context, stages)
    elif name == "ENV":
        image.environment.update(word.partition("=")[::2] for word in shlex.split(argument))
    elif name == "WORKDIR":
        image.workdir = argument
        image.inside(argument).mkdir(parents=True, exist_ok=True)
    elif name == "USER":
        image.user = argument
    elif name == "VOLUME":
        image.volumes.append(argument)
    elif name == "CMD":
        image.command = json.loads(argument)
    elif name == "HEALTHCHECK":
        image.healthcheck = json.loads(argument.partition("CMD ")[2])
    elif name != "EXPOSE":
        raise NotImplementedError(name)


def _copy(image: Image, argument: str, context: Path, stages: Mapping[str, Image]) -> None:
    words = argument.split()
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    *sources, target = words
    if stage:
        for source in sources:
            subprocess.run(
                ["cp", "-a", f"{stages[stage].inside(source)}/.", _made(image.inside(target))],
                check=True,
            )
        return
    ignored = [line for line in (context / ".dockerignore").read_text().splitlines() if line]
    for source in sources:
        found = context / source
        if found.is_dir():
            _copy_tree(found, image.inside(target), context, ignored)
        else:
            shutil.copy2(found, _made(image.inside(target)) / found.name)


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _copy_tree(source: Path, target: Path, context: Path, ignored: list[str]) -> None:
    def ignore(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(context)
        return {name for name in names if is_ignored(str(inside / name), ignored)}

    shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True, symlinks=True)


def is_ignored(path: str, ignored: list[str]) -> bool:
    return any(
        fnmatch.fnmatch(path, pattern)
        or (pattern.startswith("**/") and fnmatch.fnmatch(Path(path).name, pattern[3:]))
        for pattern in ignored
    )


def bootstrapped(suite: str, directory: Path) -> Path:
    """A minimal Debian, made once in a directory."""
    root = directory / f"base-{suite}"
    if not root.exists():
        command = ["debootstrap", "--variant=minbase", suite, str(root), MIRROR]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return root


RESOLVER = [Path("/etc/resolv.conf"), Path("/etc/hosts")]


def lent() -> list[Path]:
    """Files and folders of this machine through which pip reaches its indexes."""
    said = (
        subprocess.run(
            [sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True
        ).stdout
        + subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
        ).stdout
    )
    found = {Path(path) for path in re.findall(r"^\s*(/\S+), exists: True", said, re.M)}
    found |= {Path(path).parent for path in re.findall(r"file://(/[^\s'\"]+)", said)}
    found |= {Path(path) for path in re.findall(r"[='\s](/[^\s'\",]+)", said)}
    found |= {Path(os.environ[name]) for name in ("SSL_CERT_FILE",) if name in os.environ}
    return sorted(path for path in found if path.exists() and len(path.parts) > 2)


def _lent_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.lower().endswith("_proxy") or name == "SSL_CERT_FILE"
    }


def run(image: Image, step: str) -> None:
    """A RUN, as root."""
    made: list[Path] = []
    mounts = ["mount -t proc proc proc", "mount --rbind /dev dev"]
    # The package manager writes where certificates lie, and needs nothing but names.
    for path in RESOLVER if "apt-get" in step else [*RESOLVER, *lent()]:
        target = image.root / str(path).lstrip("/")
        if not target.exists():
            made += _place(path, target)
        mounts.append(f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(target))}")
    try:
        _within(
            image,
            mounts,
            ["sh", "-ec", f"cd {shlex.quote(image.workdir)} && {step}"],
            _lent_environment(),
        )
    finally:
        for path in reversed(made):
            path.unlink() if path.is_file() else path.rmdir()


def _place(path: Path, target: Path) -> list[Path]:
    """Makes what a mount needs to lie on, parents first; what was made goes away again."""
    made = []
    for parent in reversed(target.parents):
        if not parent.exists():
            parent.mkdir()
            made.append(parent)
    target.mkdir() if path.is_dir() else target.touch()
    return [*made, target]


def _within(image: Image, mounts: list[str], command: list[str], extra: Mapping[str, str]) -> None:
    done = subprocess.run(
        entering(image.root, mounts, command, {**image.environment, **extra}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def entering(
    root: Path, mounts: list[str], command: list[str], environment: Mapping[str, str]
) -> list[str]:
    """A command in a root with mounts of its own, which end with it; with this environment and no other."""
    settings = [
        f"{name}={value}" for name, value in {"PATH": PATH, "HOME": "/root", **environment}.items()
    ]
    script = "; ".join(
        ["set -e", "mount --make-rprivate /", f"cd {shlex.quote(str(root))}", *mounts]
    )
    inner = shlex.join(["chroot", str(root), "env", "-i", *settings, *command])
    return ["unshare", "-m", "sh", "-c", f"{script}; exec {inner}"]


def hardened(
    image: Image, environment: Mapping[str, str], volume: Path, command: list[str]
) -> list[str]:
    """As `docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges` would start it."""
    root = shlex.quote(str(image.root))
    mounts = [
        f"mount --bind {root} {root}",
        f"mount -o remount,ro,bind {root}",
        f"cd {root}",
        "mount -t proc proc proc",
        "mount --rbind /dev dev",
        "mount -t tmpfs tmpfs tmp",
        *(
            f"mount --bind {shlex.quote(str(volume))} {shlex.quote(str(image.inside(path)))}"
            for path in image.volumes
        ),
    ]
    settings = {**image.environment, **environment}
    words = [f"{name}={value}" for name, value in {"PATH": PATH, **settings}.items()]
    user, _colon, group = image.user.partition(":")
    inner = shlex.join(
        [
            *("chroot", str(image.root), "setpriv", f"--reuid={user}", f"--regid={group}"),
            *("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
            *(
                "env",
                "-i",
                *words,
                "sh",
                "-c",
                f"cd {shlex.quote(image.workdir)} && exec {shlex.join(command)}",
            ),
        ]
    )
    script = "; ".join(["set -e", "mount --make-rprivate /", *mounts])
    return ["unshare", "-m", "sh", "-c", f"{script}; exec {inner}"]
