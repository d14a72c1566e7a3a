"""What was asked for, and where everything of it lies."""

import ipaddress
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Refused(Exception):
    """Why it cannot start, in words for whoever started it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`directory` holds everything that outlives a start. Ports of PostgreSQL, Redis and the web server are loopback's.

    `postgres_host` and the like are how the parts reach each other: loopback here, service names in a compose file.
    """

    directory: Path
    hosts: tuple[str, ...]
    https_port: int = 443
    http_port: int = 80
    postgres_port: int = 5432
    redis_port: int = 6379
    web_port: int = 8000
    user: str = ""  # whom everything but PostgreSQL runs as, where we are root
    database_user: str = ""
    certificate: Path | None = None
    certificate_key: Path | None = None
    in_containers: bool = False

    def host_of(self, service: str) -> str:
        return service if self.in_containers else "127.0.0.1"

    def folder(self, *names: str) -> Path:
        return self.directory.joinpath(*names)

    @property
    def secrets(self) -> Path:
        return self.folder("secrets")

    @property
    def tls(self) -> Path:
        return self.folder("tls")

    @property
    def etc(self) -> Path:
        return self.folder("etc")

    @property
    def secret_mode(self) -> int:
        """Of files with secrets. In containers they are mounted one by one, out of a folder that only root enters."""
        return 0o444 if self.in_containers else 0o600

    @property
    def base_url(self) -> str:
        port = "" if self.https_port == 443 else f":{self.https_port}"
        return f"https://{self.hosts[0]}{port}"

    @property
    def names_an_address(self) -> bool:
        """Whether it is reached by an address: clients then name no host while they shake hands."""
        return any(map(is_address, self.hosts))


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def program(name: str, package: str) -> str:
    """The path of a system program, also where it lies outside of PATH, as Debian's PostgreSQL does."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
        found = str(versions[-1]) if versions else None
    if found is None:
        raise Refused(f"{name} is missing. On Debian: apt-get install {package}")
    return found


def _version(path: Path) -> int:
    return int(path.parts[4]) if path.parts[4].isdigit() else 0
