"""Mail of a production installation: to its server, or nowhere; never into a log that others read."""

import re
import subprocess
import sys

import pytest

from tests.gates.__main__ import clean_environment, production
from tests.tooling.installation import ROOT

pytestmark = pytest.mark.once

ASK = """
from django.conf import settings
from django.core import mail
from django.test import Client
from accounts.models import User
user = User(email="boss@example.com", is_superuser=True)
user.set_password("correct-horse-battery-9")
user.save()
made = []
backend = mail.get_connection
mail.get_connection = lambda *args, **options: Seen(backend(*args, **options))
class Seen:
    def __init__(self, inner): self.inner = inner
    def send_messages(self, messages):
        made.extend(messages)
        return self.inner.send_messages(messages)
asked = Client().post("/account/password/reset/", {"email": "boss@example.com"}, secure=True,
                      headers={"host": settings.ALLOWED_HOSTS[0]})
link = next(word for word in made[0].body.split() if "/reset/" in word)
open(settings.DATA_DIR / "link", "w").write(link)
print("asked", asked.status_code, settings.EMAIL_BACKEND)
"""


def run(env, *command):
    return subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=env, capture_output=True, text=True
    )


def test_without_a_server_a_link_to_a_new_password_is_in_no_log(tmp_path):
    env = clean_environment(**production() | {"PORTAL_DATA_DIR": str(tmp_path)})
    assert run(env, "migrate", "--verbosity", "0").returncode == 0
    done = run(env, "shell", "-v", "0", "-c", ASK)
    said = done.stdout + done.stderr
    assert "asked 302 portal.no_mail.EmailBackend" in said, said[-2000:]
    token = (tmp_path / "link").read_text().rstrip("/").rpartition("-")[2]
    assert len(token) > 20
    assert token not in said
    assert "/reset/key" not in said
    assert "boss@example.com" not in said
    assert "no mail server: 1 e-mails dropped" in said


def test_that_nobody_gets_mail_is_said_and_stops_no_start(tmp_path):
    env = clean_environment(**production() | {"PORTAL_DATA_DIR": str(tmp_path)})
    done = run(env, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "portal.I001" in done.stderr + done.stdout
    env["PORTAL_EMAIL_HOST"] = "smtp.example.com"
    done = run(env, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "portal.I001" not in done.stderr + done.stdout


def test_the_containers_are_told_of_the_mail_server():
    import yaml

    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    named = set(
        re.findall(r"^(PORTAL_EMAIL_[A-Z]+)=", (ROOT / "deploy" / "env.sample").read_text(), re.M)
    )
    assert len(named) == 6
    for name in ("web", "worker", "beat"):
        told = services[name]["environment"]
        assert named <= set(told)
        assert all(f"${{{variable}:-" in told[variable] for variable in named)
