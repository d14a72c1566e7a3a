"""`rotate_encryption` as a process, under load, killed in the middle, on both databases."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.gates.__main__ import clean_environment, production
from tests.servers import postgres_server
from tests.tooling.installation import role_urls

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]

FILL = """
from accounts.models import User
from portal.actions import ensure_offline_model
from portal.models import Provider
from projects.models import Message, Project
from teams.models import Grant, Team
team = Team.objects.create(slug="t", name="T")
model = ensure_offline_model()
Grant.objects.create(team=team, model=model)
project = Project.objects.create(slug="p", name="P", team=team, model=model, system_prompt="prompt")
provider = Provider(slug="x", name="X", kind="openai", base_url="https://a.test")
provider.set_secret("sk-0123456789abcdef")
provider.save()
for number in range(150):
    user = User.objects.create(email=f"u{number}@example.com")
    talk = project.conversations.create(user=user, title=f"title {number}")
    Message.objects.bulk_create(
        Message(conversation=talk, role="user", content=f"text {number}") for _ in range(6)
    )
"""
# Writes and reads all the time, also what it loaded long ago; what it cannot read ends it.
LOAD = """
import random
import time
from projects.models import Conversation
print("writing", flush=True)
loaded = []
while True:
    if len(loaded) > 50:
        loaded.pop(0).save()
    loaded.append(Conversation.objects.order_by("?").first())
    talk = Conversation.objects.order_by("?").first()
    assert talk.title.startswith("title"), talk.title
    talk.title = f"title {random.random()}"
    talk.save()
    talk.messages.create(role="assistant", content="text of the load")
    time.sleep(0.02)
"""
READ = """
from django.apps import apps
from django.conf import settings
from portal import keyring
from portal.encryption import Sealed, encrypted_fields
from portal.models import DataKey
assert len(settings.FERNET_KEYS) == 1
read = 0
for model in apps.get_models():
    for row in model._base_manager.all() if encrypted_fields(model) else ():
        for field in encrypted_fields(model):
            if isinstance(row.__dict__[field.attname], Sealed):
                assert getattr(row, field.name)
                read += 1
assert all(key.retired_at or keyring.current(key.owner).uid == key.uid for key in DataKey.objects.all())
print(read)
"""


def manage(env, *command, code=0):
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


def started(env, *command):
    return subprocess.Popen(
        [sys.executable, "-u", "manage.py", *command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_again_and_again_under_load_it_loses_nothing(tmp_path, database):
    with ExitStack() as stack:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        secrets = production() | {"PORTAL_DATA_DIR": str(tmp_path)}
        if database == "postgresql":
            secrets |= role_urls(stack.enter_context(postgres_server()))
        before = clean_environment(**secrets | {"PORTAL_FERNET_KEYS": old})
        both = clean_environment(**secrets | {"PORTAL_FERNET_KEYS": f"{new},{old}"})
        after = clean_environment(**secrets | {"PORTAL_FERNET_KEYS": new})
        if database == "postgresql":
            manage(before, "create_database_roles")
        manage(before, "migrate", "--verbosity", "0")
        manage(before, "shell", "-v", "0", "-c", FILL)
        load = started(both, "shell", "-v", "0", "-c", LOAD)
        stack.callback(load.kill)
        assert load.stdout.readline() == "writing\n"
        killed = 0
        for lines, options in ((1, ()), (2, ("--data-keys",)), (4, ()), (6, ()), (7, ())):
            running = started(both, "rotate_encryption", *options)
            for _ in range(lines):
                running.stdout.readline()
            running.kill()
            killed += running.wait() == -9
            running.communicate()
        assert killed >= 3
        assert load.poll() is None, load.stderr.read()[-2000:]
        manage(both, "rotate_encryption", "--data-keys")
        time.sleep(1)  # those who write go on after the last look, and write nothing old
        assert load.poll() is None, load.stderr.read()[-2000:]
        done = manage(both, "rotate_encryption")
        assert ": 0 values" in done
        assert "0 unreadable" in done
        time.sleep(1)
        assert load.poll() is None, load.stderr.read()[-2000:]
        load.kill()
        load.communicate()
        assert ": 0 values" in manage(both, "rotate_encryption")
        assert int(manage(after, "shell", "-v", "0", "-c", READ)) > 150 * 7 + 150
        assert (
            "PORTAL_FERNET_KEYS does not fit"
            in subprocess.run(
                [sys.executable, "manage.py", "check", "--database", "default"],
                cwd=ROOT,
                env=before,
                capture_output=True,
                text=True,
            ).stderr
        )
