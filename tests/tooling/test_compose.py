"""The compose file says what the start on one machine does: the same services, roles, secrets and files."""

import ipaddress
import os
import re
import subprocess

import pytest
import yaml

from deploy.one_machine import portal, vault
from tests.tooling.image import is_ignored
from tests.tooling.installation import ROOT

pytestmark = pytest.mark.once
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
CONTAINER = ROOT / "deploy" / "one_machine.sh"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What `--for-containers` writes for it."""
    directory = tmp_path_factory.mktemp("containers") / "gatehouse"
    subprocess.run(
        ["sh", str(CONTAINER), str(directory), "--for-containers", "--host", "portal.example.com"],
        check=True,
        capture_output=True,
    )
    return directory


def test_its_services_are_those_of_one_machine_and_the_migration():
    assert set(SERVICES) == {"postgres", "redis", "web", "worker", "beat", "nginx", "migrate"}
    for name in portal.ROLE_OF:
        assert SERVICES[name]["command"] == ["sh", f"deploy/{name}.sh"]
        assert (ROOT / "deploy" / f"{name}.sh").exists()


# The path of a file, not a file that holds a secret.
FILES = {"PORTAL_AUDIT_CHECKPOINT_FILE"}


def test_each_process_is_told_what_it_is_told_on_one_machine():
    for name, role in portal.ROLE_OF.items():
        told = SERVICES[name]["environment"]
        secrets = {*portal.COMMON, role}
        by_file = {
            variable.removesuffix("_FILE")
            for variable in told
            if variable.endswith("_FILE") and variable not in FILES
        }
        assert by_file == secrets
        assert set(SERVICES[name]["secrets"]) == {*secrets, "ca"}
        assert all(told[f"{secret}_FILE"] == f"/run/secrets/{secret}" for secret in secrets)
    assert "DATABASE_ADMIN_URL" in SERVICES["migrate"]["secrets"]
    others = [name for name in SERVICES if name != "migrate"]
    for name in others:
        assert not {"DATABASE_ADMIN_URL", "DATABASE_OWNER_URL"} & set(
            SERVICES[name].get("secrets", [])
        )


# What the image or the compose file decides itself, and what only a command that somebody starts by hand asks for.
DECIDED = {"PORTAL_ENV", "PORTAL_DATA_DIR", "PORTAL_STATIC_DIR", "HOST", "PORT"}
BY_HAND = {"PORTAL_ADMIN_EMAIL", "PORTAL_ADMIN_PASSWORD"}


def test_what_may_be_chosen_can_be_chosen_here_too():
    sample = (ROOT / "deploy" / "env.sample").read_text()
    known = set(re.findall(r"^#? ?([A-Z_]+)=", sample, re.M)) - DECIDED - BY_HAND
    for name in ("web", "worker"):
        told = {
            variable if variable in FILES else variable.removesuffix("_FILE")
            for variable in SERVICES[name]["environment"]
        }
        of_others = {variable for variable in known if variable.startswith("DATABASE_")}
        of_others -= {"DATABASE_POOL_SIZE"}
        of_others |= {"WEB_WORKERS", "WEB_THREADS"} if name == "worker" else {"WORKER_CONCURRENCY"}
        assert known - of_others <= told, name


def test_nginx_finds_the_web_server_where_it_was_when_that_is_made_anew():
    address = ipaddress.ip_address(SERVICES["web"]["networks"]["inside"]["ipv4_address"])
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert address in ipaddress.ip_network(subnet)
    assert str(address) != SERVICES["nginx"]["networks"]["inside"]["ipv4_address"]


def test_no_secret_and_no_data_of_a_checkout_come_into_the_image():
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    for path in (".env", "deploy/.env", ".env.production", "var", "portal.sqlite3"):
        assert is_ignored(path, ignored), path
    assert is_ignored("data/portal.sqlite3-wal", ignored)
    for path in ("deploy/env.sample", "portal/environment.py", "manage.py"):
        assert not is_ignored(path, ignored), path


def test_every_container_is_hardened():
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["image"] == "gatehouse" or service["user"].split(":")[0].isdigit(), name
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"nginx"}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    trusted = SERVICES["web"]["environment"]["PORTAL_TRUSTED_PROXIES"]
    assert trusted == SERVICES["nginx"]["networks"]["inside"]["ipv4_address"] + "/32"
    # By one network only, so that it always comes from the address that is trusted.
    assert set(SERVICES["nginx"]["networks"]) & set(SERVICES["web"]["networks"]) == {"inside"}


def test_every_file_that_it_mounts_is_written(written):
    def real(path):
        return path.replace("${GATEHOUSE_DIR}", str(written)).replace(
            "${GATEHOUSE_DIR:?where one_machine.sh wrote}", str(written)
        )

    files = [real(secret["file"]) for secret in COMPOSE["secrets"].values()]
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if volume.startswith("$"):
                files.append(
                    real(volume.rpartition("}")[0] + "}") + volume.rpartition("}")[2].split(":")[0]
                )
    assert len(files) > 15
    for path in files:
        assert os.path.getsize(path) > 0, path
    assert (
        written.stat().st_mode & 0o077 == 0
    )  # the folder keeps others out, the files are mounted singly
    named = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert named == set(COMPOSE["secrets"])


def test_its_addresses_are_those_of_the_services(written):
    for name in ("DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"):
        url = (written / "secrets" / name).read_text()
        assert "@postgres:5432/" in url
        assert "sslmode=verify-full&sslrootcert=/run/secrets/ca" in url
    assert "@redis:6379/" in (written / "secrets" / "REDIS_URL").read_text()
    nginx = (written / "etc" / "nginx.conf").read_text()
    assert "server web:8000;" in nginx
    assert "@" not in nginx.replace("@too_large", "").replace("@unavailable", "")
    for published in SERVICES["nginx"]["ports"]:
        assert f"listen {published.split(':')[1]}" in nginx
    hba = (written / "etc" / "pg_hba.conf").read_text()
    assert [line.split()[0] for line in hba.splitlines() if not line.startswith("#")] == [
        "hostssl",
        "local",
    ]
    assert "trust" not in hba
    assert set(vault.OF_THE_PORTAL) >= {*portal.COMMON, *portal.ROLE_OF.values()}


def test_nginx_takes_what_is_written_for_it(written, tmp_path):
    """With the paths of this machine in place of the container's."""
    import shutil

    from tests.conftest import leave_out

    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        leave_out("nginx is not installed")
    text = (written / "etc" / "nginx.conf").read_text()
    for container, here in (
        ("/tmp/", f"{tmp_path}/"),
        ("/run/secrets/certificate_key", written / "tls" / "server-key.pem"),
        ("/run/secrets/certificate", written / "tls" / "server.pem"),
        ("server web:8000", "server 127.0.0.1:8000"),
    ):
        text = text.replace(container, str(here))
    config = tmp_path / "nginx.conf"
    config.write_text(text)
    done = subprocess.run(
        [nginx, "-t", "-e", "stderr", "-c", str(config)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
