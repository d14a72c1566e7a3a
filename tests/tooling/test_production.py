"""Production starts from environment variables alone, and not at all with missing, weak or careless ones.

The processes are the real ones: the scripts of the web server, the worker and beat, and what they start.
"""

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from portal import development
from tests.gates.__main__ import clean_environment, production
from tests.servers import free_port

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
GOOD = production()
SCRIPTS = ("web", "worker", "beat")
MANAGE = [sys.executable, "manage.py"]
# What the scripts start in the end: their settings refuse too, whoever starts them.
INNER = {
    "command": [*MANAGE, "check"],
    "web server": [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--log-level", "error"),
        *("--port", "0", "portal.wsgi:application"),
    ],
    "worker": [sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "solo"],
    "beat": [sys.executable, "-m", "celery", "-A", "portal.celery", "beat", "--pidfile="],
}


def run(command, **changes):
    """Runs it to its end, which a refusal is; what starts instead is ended, and fails the test."""
    env = {**GOOD, "PORT": str(free_port()), **changes}
    env = {name: value for name, value in env.items() if value is not None}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean_environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        # With its children, which `serve` has in groups of their own and ends itself when it is asked to end.
        os.killpg(process.pid, signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=40)
        raise AssertionError(f"it started: {stdout}{stderr}") from None
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def script(name, **changes):
    return run(["sh", f"deploy/{name}.sh"], **changes)


def preflight(**changes):
    return run([sys.executable, "-m", "portal.preflight"], **changes)


def test_it_starts_with_all_of_them():
    done = run(INNER["command"])
    assert done.returncode == 0, done.stderr
    done = preflight()
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def b64(data):
    return base64.urlsafe_b64encode(data).decode()


def postgres(where, user="u:kX9wQ2pL7vT4mN8b"):
    return f"postgresql://{user}@{where}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PORTAL_SECRET_KEY": None}, "PORTAL_SECRET_KEY is missing"),
        ({"PORTAL_FERNET_KEYS": None}, "PORTAL_FERNET_KEYS is missing"),
        ({"PORTAL_KEY_PEPPER": None}, "PORTAL_KEY_PEPPER is missing"),
        ({"PORTAL_AUDIT_SIGNING_KEY": None}, "PORTAL_AUDIT_SIGNING_KEY is missing"),
        ({"PORTAL_SECRET_KEY": "short"}, "shorter than 40"),
        ({"PORTAL_SECRET_KEY": "a" * 60}, "PORTAL_SECRET_KEY is too uniform"),
        ({"PORTAL_SECRET_KEY": "Ab3-Zk9_Q" * 6}, "too uniform"),
        ({"PORTAL_KEY_PEPPER": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"}, "too uniform"),
        ({"PORTAL_SECRET_KEY": "Change-Me!" + GOOD["PORTAL_SECRET_KEY"]}, "a sample value"),
        ({"PORTAL_KEY_PEPPER": "insecure-" + GOOD["PORTAL_KEY_PEPPER"]}, "a sample value"),
        ({"PORTAL_KEY_PEPPER": "x"}, "python3 -c 'import secrets"),
        # Each key of a ring is looked at, and what stands behind its base64.
        *[
            ({"PORTAL_FERNET_KEYS": ring}, "PORTAL_FERNET_KEYS is too uniform")
            for ring in (
                b64(b"changeme" * 4),
                f"{GOOD['PORTAL_FERNET_KEYS']},{b64(b'password' * 4)}",
                f"{b64(b'0123456789abcdef' * 2)},{GOOD['PORTAL_FERNET_KEYS']}",
                b64(bytes(range(32))),
            )
        ],
        ({"PORTAL_FERNET_KEYS": GOOD["PORTAL_FERNET_KEYS"] + ",short"}, "shorter than 40"),
        ({"PORTAL_KEY_PEPPER": "this is prose and nobody made it by chance at all"}, "too uniform"),
        ({"PORTAL_FERNET_KEYS": None}, "urlsafe_b64encode(os.urandom(32))"),
        ({"PORTAL_SECRET_KEY": GOOD["PORTAL_KEY_PEPPER"]}, "Two secrets are equal"),
        ({"PORTAL_FERNET_KEYS": "x" + "abcdefghijklmnopqrstuvw" * 2}, "not a Fernet key"),
        ({"PORTAL_ALLOWED_HOSTS": None}, "PORTAL_ALLOWED_HOSTS is empty"),
        ({"PORTAL_ALLOWED_HOSTS": "*"}, "allows every host"),
        ({"PORTAL_ALLOWED_HOSTS": "."}, "allows every host"),
        ({"PORTAL_ALLOWED_HOSTS": "portal.example.com,.."}, "allows every host"),
        ({"PORTAL_ALLOWED_HOSTS": ".com"}, "allows a whole top-level domain"),
        ({"PORTAL_BASE_URL": None}, "PORTAL_BASE_URL is missing"),
        ({"PORTAL_BASE_URL": ""}, "PORTAL_BASE_URL is missing"),
        ({"PORTAL_BASE_URL": "https://"}, "PORTAL_BASE_URL is not https"),
        ({"PORTAL_TRUSTED_PROXIES": "0.0.0.0/0"}, "PORTAL_TRUSTED_PROXIES names a good part"),
        ({"PORTAL_TRUSTED_PROXIES": "10.0.0.1/32,0.0.0.0/1"}, "PORTAL_TRUSTED_PROXIES names"),
        ({"PORTAL_TRUSTED_PROXIES": "::/0"}, "PORTAL_TRUSTED_PROXIES names a good part"),
        ({"PORTAL_LOCAL_NETWORKS": "0.0.0.0/0"}, "PORTAL_LOCAL_NETWORKS names a good part"),
        ({"PORTAL_TRUSTED_PROXIES": "nonsense"}, "PORTAL_TRUSTED_PROXIES: "),
        ({"PORTAL_TRUSTED_PROXIES": "::ffff:10.0.0.1"}, "write IPv4 as IPv4"),
        ({"PORTAL_PRIVATE_NETWORKS": "10.0.0.0/33"}, "PORTAL_PRIVATE_NETWORKS: "),
        ({"PORTAL_BASE_URL": "http://portal.example.com"}, "PORTAL_BASE_URL is not https"),
        ({"DEBUG": "1"}, "DEBUG is on"),
        ({"DJANGO_DEBUG": "true"}, "DJANGO_DEBUG is on"),
        ({"PORTAL_DEBUG": "yes"}, "PORTAL_DEBUG is on"),
        ({"WEB_WORKERS": "2"}, "REDIS_URL is empty with several web processes"),
        ({"WEB_WORKERS": None}, "Set REDIS_URL, or WEB_WORKERS=1"),
        ({"PORTAL_ADMIN_PASSWORD": "admin"}, "PORTAL_ADMIN_PASSWORD is a default"),
        ({"PORTAL_ADMIN_PASSWORD": "changeme-changeme"}, "PORTAL_ADMIN_PASSWORD is a default"),
        ({"DATABASE_URL": "postgresql://u:postgres@db/x"}, "DATABASE_URL has a default password"),
        ({"DATABASE_URL": postgres("db/x?password=postgres", "u")}, "has a default password"),
        ({"DATABASE_URL": postgres("127.0.0.1/x", "u:postgres1")}, "has a default password"),
        ({"DATABASE_URL": postgres("127.0.0.1/x", "u:123456")}, "has a default password"),
        ({"DATABASE_URL": postgres("127.0.0.1/x", "u")}, "DATABASE_URL has no password"),
        ({"DATABASE_OWNER_URL": postgres("db/x", "u:toor")}, "DATABASE_OWNER_URL has a default"),
        ({"DATABASE_OWNER_URL": postgres("db/x", "u")}, "DATABASE_OWNER_URL has no password"),
        ({"DATABASE_ADMIN_URL": postgres("127.0.0.1/x", "u:pass")}, "DATABASE_ADMIN_URL has a d"),
        ({"DATABASE_ADMIN_URL": postgres("db/x")}, "DATABASE_ADMIN_URL is a plaintext"),
        *[
            ({name: postgres(where)}, f"{name} is a plaintext connection")
            for name in ("DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "DATABASE_URL")
            for where in (
                "db.example.com/x?sslmode=disable",
                "db.example.com/x?sslmode=%64isable",
                "/x?host=db.example.com&sslmode=disable",
                "localhost/x?host=db.example.com&sslmode=disable",
                "localhost/x?hostaddr=192.0.2.1&sslmode=disable",
            )
        ],
        ({"DATABASE_URL": "postgresql://u:se/cretpart@h/x"}, "DATABASE_URL is no URL"),
        ({"DATABASE_URL": "postgresql://u:1/cretpart@h/x"}, "DATABASE_URL is no URL"),
        ({"DATABASE_URL": "postgresql://u:se[cretpart@h/x"}, "DATABASE_URL is no URL"),
        ({"DATABASE_SYSTEM_URL": "postgresql://u:se/cretpart@h/x"}, "DATABASE_SYSTEM_URL is no"),
        ({"REDIS_URL": "redis://:se/cretpart@h"}, "REDIS_URL is no URL"),
        ({"REDIS_URL": "http://h"}, "REDIS_URL starts with redis"),
        ({"REDIS_URL": "redis://:redis@127.0.0.1:6379/0"}, "REDIS_URL has a default password"),
        ({"REDIS_URL": "rediss://:redis123@cache/0"}, "REDIS_URL has a default password"),
        ({"REDIS_URL": "redis://cache/0?password=redis"}, "REDIS_URL has a default password"),
        (
            {"DATABASE_SYSTEM_URL": "postgresql://u:pw9@db.example.com/x?sslmode=prefer"},
            "DATABASE_SYSTEM_URL is a plaintext connection",
        ),
        ({"REDIS_URL": "redis://cache.example.com:6379/0"}, "REDIS_URL has no password"),
        ({"PORTAL_ENV": "staging"}, "either 'development' or 'production'"),
        ({"PORTAL_SECRET_KEY": None, "PORTAL_SECRET_KEY_FILE": "/nowhere"}, "cannot be read"),
        (
            {"DATABASE_URL": "", "DATABASE_URL_FILE": "/nowhere"},
            "DATABASE_URL_FILE cannot be read",
        ),
        ({"WEB_WORKERS": "many"}, "WEB_WORKERS is not a whole number"),
        (
            {"DATABASE_URL": "postgresql://u:p@db.example.com/x?sslmode=disable"},
            "needs sslmode=require",
        ),
        ({"DATABASE_URL": "mysql://u:p@db/x"}, "starts with postgresql"),
    ],
)
def test_it_refuses(changes, words):
    for name in ("web", "worker"):
        done = script(name, **changes)
        assert done.returncode != 0, name
        assert words in done.stderr, name
        assert "Traceback" not in done.stderr, name
        assert "cretpart" not in done.stderr, name


WHOEVER = {**INNER, "script of beat": ["sh", "deploy/beat.sh"]}


@pytest.mark.parametrize("name", WHOEVER)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PORTAL_SECRET_KEY": None}, "PORTAL_SECRET_KEY is missing"),
        ({"PORTAL_DEBUG": "1"}, "PORTAL_DEBUG is on"),
    ],
)
def test_whoever_starts_it(name, changes, words):
    done = run(WHOEVER[name], **changes)
    assert done.returncode != 0
    assert words in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("DATABASE_URL", "check"),
        ("DATABASE_SYSTEM_URL", "check"),
        ("DATABASE_OWNER_URL", "showmigrations"),
    ],
)
def test_in_development_too_a_url_is_named_and_not_quoted(tmp_path, name, command):
    changes = {"PORTAL_ENV": "development", "PORTAL_DATA_DIR": str(tmp_path)}
    done = run([*MANAGE, command], **changes, **{name: "postgresql://u:se/cretpart@h/x"})
    assert done.returncode != 0
    assert f"{name} is no URL" in done.stderr
    assert "cretpart" not in done.stderr


def test_no_secret_is_in_what_it_says():
    done = script("web", PORTAL_SECRET_KEY="hunter2-hunter2")
    assert "hunter2" not in done.stderr + done.stdout


@pytest.mark.parametrize("beside", [None, ""])
def test_a_secret_may_come_from_a_file(tmp_path, beside):
    """Also beside an empty variable, as a compose file leaves one."""
    path = tmp_path / "secret"
    path.write_text(GOOD["PORTAL_SECRET_KEY"] + "\n")
    given = {"PORTAL_SECRET_KEY": beside, "PORTAL_SECRET_KEY_FILE": str(path)}
    assert run(INNER["command"], **given).returncode == 0


def test_a_database_in_a_file_is_not_passed_over_for_sqlite(tmp_path):
    path = tmp_path / "url"
    path.write_text(postgres("127.0.0.1/elsewhere"))
    code = "from django.conf import settings; print(settings.DATABASES['default']['NAME'])"
    given = {"DATABASE_URL": "", "DATABASE_URL_FILE": str(path)}
    done = run([sys.executable, "-c", code], DJANGO_SETTINGS_MODULE="portal.settings", **given)
    assert done.stdout.strip() == "elsewhere", done.stderr


def test_what_is_good_in_other_ways_is_not_refused(tmp_path):
    for changes in (
        {"DATABASE_URL": "postgresql:///x?host=/run/postgresql"},
        {"DATABASE_URL": postgres("db/x?sslmode=verify-full&sslcert=/c", "u")},
        {"DATABASE_URL": postgres("db/x?sslmode=require")},
        {"DATABASE_URL": postgres("db/x")},
        {"DATABASE_URL": postgres("127.0.0.1/x?sslmode=disable")},
        {"DATABASE_URL": f"sqlite:///{tmp_path}/a@b.sqlite3"},
        {"REDIS_URL": "rediss://:kX9wQ2pL7vT4mN8b@cache/0"},
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"PORTAL_TRUSTED_PROXIES": "10.0.0.0/8,fc00::/7,2001:db8::/32"},
        {"PORTAL_ALLOWED_HOSTS": ".example.com,localhost,[::1]"},
        {"PORTAL_LOCAL_NETWORKS": ""},
    ):
        done = preflight(**changes)
        assert (done.returncode, done.stderr) == (0, ""), changes


class TestDevelopmentIsSaidAndNotFound:
    """`make run` leaves `env` in the data directory; on a machine of production it changes nothing."""

    @pytest.fixture
    def left(self, tmp_path):
        development.write(tmp_path / "env")
        nothing = {name: None for name in GOOD if name != "WEB_WORKERS"}
        return {**nothing, "PORTAL_DATA_DIR": str(tmp_path)}

    @pytest.mark.parametrize("name", SCRIPTS)
    @pytest.mark.parametrize("said", [None, ""])
    def test_no_script_is_in_development_by_it(self, left, name, said):
        done = script(name, **{**left, "PORTAL_ENV": said})
        assert done.returncode != 0
        assert "PORTAL_SECRET_KEY is missing" in done.stderr

    @pytest.mark.parametrize("name", ["web server", "worker", "beat"])
    def test_nor_is_what_serves_or_works_without_them(self, left, name):
        done = run(INNER[name], **left)
        assert done.returncode != 0
        assert "PORTAL_SECRET_KEY is missing" in done.stderr + done.stdout

    @pytest.mark.parametrize("command", ["serve", "runserver"])
    def test_no_command_serves_by_it(self, left, command):
        done = run([*MANAGE, command], **left)
        assert done.returncode != 0
        assert "PORTAL_SECRET_KEY is missing" in done.stderr

    def test_a_web_process_is_in_production_however_it_began(self, left):
        code = "from portal import environment; print(environment.ENVIRONMENT)"
        done = run([sys.executable, "-c", code], **left, GATEHOUSE_PROCESS="web")
        assert done.stdout.strip() == "production", done.stderr

    def test_a_command_goes_on_in_it_and_says_so(self, left):
        done = run(INNER["command"], **left)
        assert done.returncode == 0, done.stderr
        assert f"development, by {left['PORTAL_DATA_DIR']}/env" in done.stderr

    def test_said_in_the_environment_it_is_no_news(self, left):
        done = run(INNER["command"], **{**left, "PORTAL_ENV": "development"})
        assert done.returncode == 0, done.stderr
        assert "Gatehouse: development" not in done.stderr
        assert preflight(**{**left, "PORTAL_ENV": "development"}).returncode == 0

    @pytest.mark.parametrize("name", development.SECRETS)
    @pytest.mark.parametrize("suffix", ["", "_FILE"])
    def test_a_command_with_secrets_of_its_own_is_in_production(self, left, tmp_path, name, suffix):
        """Otherwise it would work on production's data with development's other keys."""
        (tmp_path / "own").write_text(GOOD[name])
        own = str(tmp_path / "own") if suffix else GOOD[name]
        done = run(INNER["command"], **{**left, name: None, f"{name}{suffix}": own})
        assert done.returncode != 0
        assert "Gatehouse does not start" in done.stderr

    def test_a_file_that_does_not_say_so_is_none_of_development(self, left, tmp_path):
        path = tmp_path / "env"
        path.write_text(path.read_text().replace("PORTAL_ENV=development\n", ""))
        done = run(INNER["command"], **left)
        assert done.returncode != 0


def test_the_environment_sample_names_every_variable_that_is_read():
    import re

    sample = (ROOT / "deploy/env.sample").read_text()
    read = set()
    for path in (ROOT / f"portal/{name}.py" for name in ("environment", "development", "settings")):
        read |= set(re.findall(r'"((?:PORTAL_|DATABASE_|REDIS_)[A-Z_]+)"', path.read_text()))
    missing = {name for name in read if not re.search(rf"^#?\s*{name}=", sample, re.M)}
    assert not missing
