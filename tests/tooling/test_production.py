"""Production starts from environment variables alone, and not at all with missing, weak or careless ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gates.__main__ import clean_environment, production

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
GOOD = production()


def start(**changes):
    env = {**GOOD, **changes}
    env = {name: value for name, value in env.items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
    )


def test_it_starts_with_all_of_them():
    done = start()
    assert done.returncode == 0, done.stderr


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
        ({"PORTAL_FERNET_KEYS": None}, "urlsafe_b64encode(os.urandom(32))"),
        ({"PORTAL_SECRET_KEY": GOOD["PORTAL_KEY_PEPPER"]}, "Two secrets are equal"),
        ({"PORTAL_FERNET_KEYS": "x" + "abcdefghijklmnopqrstuvw" * 2}, "not a Fernet key"),
        ({"PORTAL_ALLOWED_HOSTS": None}, "PORTAL_ALLOWED_HOSTS is empty"),
        ({"PORTAL_ALLOWED_HOSTS": "*"}, "allows every host"),
        ({"PORTAL_BASE_URL": "http://portal.example.com"}, "PORTAL_BASE_URL is not https"),
        ({"DEBUG": "1"}, "DEBUG is on"),
        ({"DJANGO_DEBUG": "true"}, "DJANGO_DEBUG is on"),
        ({"WEB_WORKERS": "2"}, "REDIS_URL is empty with several web processes"),
        ({"WEB_WORKERS": None}, "Set REDIS_URL, or WEB_WORKERS=1"),
        ({"PORTAL_ADMIN_PASSWORD": "admin"}, "PORTAL_ADMIN_PASSWORD is a default"),
        ({"PORTAL_ADMIN_PASSWORD": "changeme-changeme"}, "PORTAL_ADMIN_PASSWORD is a default"),
        ({"DATABASE_URL": "postgresql://u:postgres@db/x"}, "DATABASE_URL has a default password"),
        (
            {"DATABASE_SYSTEM_URL": "postgresql://u:pw9@db.example.com/x?sslmode=prefer"},
            "DATABASE_SYSTEM_URL is a plaintext connection",
        ),
        ({"REDIS_URL": "redis://cache.example.com:6379/0"}, "REDIS_URL has no password"),
        ({"PORTAL_ENV": "staging"}, "either 'development' or 'production'"),
        ({"PORTAL_SECRET_KEY": None, "PORTAL_SECRET_KEY_FILE": "/nowhere"}, "cannot be read"),
        (
            {"DATABASE_URL": "postgresql://u:p@db.example.com/x?sslmode=disable"},
            "needs sslmode=require",
        ),
        ({"DATABASE_URL": "mysql://u:p@db/x"}, "starts with postgresql"),
    ],
)
def test_it_refuses(changes, words):
    done = start(**changes)
    assert done.returncode != 0
    assert words in done.stderr


def test_no_secret_is_in_what_it_says():
    done = start(PORTAL_SECRET_KEY="hunter2-hunter2")
    assert "hunter2" not in done.stderr + done.stdout


def test_a_secret_may_come_from_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(GOOD["PORTAL_SECRET_KEY"] + "\n")
    assert start(PORTAL_SECRET_KEY=None, PORTAL_SECRET_KEY_FILE=str(path)).returncode == 0


def test_the_environment_sample_names_every_variable_that_is_read():
    import re

    sample = (ROOT / "deploy/env.sample").read_text()
    read = set()
    for path in [ROOT / "portal/environment.py", ROOT / "portal/settings.py"]:
        read |= set(re.findall(r'"((?:PORTAL_|DATABASE_|REDIS_)[A-Z_]+)"', path.read_text()))
    missing = {name for name in read if not re.search(rf"^#?\s*{name}=", sample, re.M)}
    assert not missing
