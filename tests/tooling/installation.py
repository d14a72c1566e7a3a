"""A production installation for real: PostgreSQL with its three roles, Redis, the web server's own script."""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.gates.__main__ import clean_environment, production
from tests.servers import free_port, postgres_server, redis_server_process

ROOT = Path(__file__).parents[2]
PROXY = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "Host": "portal.example.com",
}


def manage(env, *command):
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(env, code):
    return manage(env, "shell", "-v0", "-c", code).strip()


def collect(env, shared):
    """The static files, once for all processes of this run: they go into one folder."""
    with (shared / "collecting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "collected").exists():
            manage(env, "collectstatic", "--no-input", "--verbosity", "0")
            (shared / "collected").touch()


def role_urls(superuser: str) -> dict[str, str]:
    """The URLs of an installation's roles and its database, on the server of this superuser."""
    where = urlsplit(superuser)

    def url(name: str) -> str:
        password = secrets.token_hex(16)
        return f"postgresql://{name}:{password}@127.0.0.1:{where.port}/portal?{where.query}"

    # That server trusts whoever is there; production asks for a password in any case.
    password = secrets.token_hex(16)
    return {
        "DATABASE_ADMIN_URL": superuser.replace("@", f":{password}@"),
        "DATABASE_OWNER_URL": url("gatehouse_owner"),
        "DATABASE_URL": url("gatehouse_web"),
        "DATABASE_SYSTEM_URL": url("gatehouse_system"),
    }


@contextmanager
def running(tmp_path_factory, **extra: str) -> Iterator[dict]:
    """`base` address, a `key` of Marco's, the first administrator's `link`, the `env` of its processes, the server's `log`."""
    directory = tmp_path_factory.mktemp("production")
    port = free_port()
    with postgres_server() as database, redis_server_process(directory / "redis") as redis:
        env = clean_environment(
            **production(),
            **role_urls(database),
            REDIS_URL=redis,
            PORTAL_TRUSTED_PROXIES="127.0.0.1/32",
            PORT=str(port),
            WEB_THREADS="16",
            **extra,
        )
        manage(env, "create_database_roles")
        manage(env, "migrate", "--verbosity", "0")
        collect(env, tmp_path_factory.getbasetemp().parent)
        link = manage(env, "create_admin", "--email", "first@example.com")
        manage(env, "load_demo")
        key = manage(
            env,
            "create_key",
            "--user",
            "marco@example.com",
            "--name",
            "test",
            "--requests-per-second",
            "1000",
        ).strip()
        log = directory / "web.log"
        with log.open("wb") as said:
            server = subprocess.Popen(
                ["sh", "deploy/web.sh"],
                cwd=ROOT,
                env=env,
                start_new_session=True,
                stdout=said,
                stderr=said,
            )
        try:
            base = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 60
            while True:
                try:
                    requests.get(f"{base}/healthz", headers=PROXY, timeout=2)
                    break
                except requests.RequestException:
                    assert server.poll() is None
                    assert time.monotonic() < until
                    time.sleep(0.1)
            yield {"base": base, "key": key, "link": link, "env": env, "log": log}
        finally:
            sys.stderr.write(log.read_text())  # pytest shows it where a test failed
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def cookie_of(env, email):
    """A session cookie of this person: requests keeps no Secure cookie for a plain address."""
    said = shell(
        env,
        "from django.contrib.auth import get_user_model as m, SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY\n"
        "from django.conf import settings\n"
        "from importlib import import_module\n"
        f"user = m().objects.get(email='{email}')\n"
        "session = import_module(settings.SESSION_ENGINE).SessionStore()\n"
        "session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]\n"
        "session[HASH_SESSION_KEY] = user.get_session_auth_hash()\n"
        "session.save()\n"
        "print(settings.SESSION_COOKIE_NAME + '=' + session.session_key)",
    )
    return said.splitlines()[-1]
