"""The programs on a project's page are run as they stand, against a live portal."""

import os
import shutil
import subprocess
import sys

import pytest
from playwright._impl._driver import compute_driver_executable

from projects.models import Exchange, Message
from projects.snippets import snippets
from tests.cast import build_cast
from tests.conftest import leave_out

pytestmark = pytest.mark.django_db(transaction=True)


def command(slug):
    """How each is run: Node comes with the browser tests' driver."""
    if slug == "curl":
        if shutil.which("curl") is None:
            leave_out("curl: apt-get install curl")
        return ["sh"]
    if slug == "javascript":
        return [str(compute_driver_executable()[0])]
    return [sys.executable]


@pytest.mark.parametrize("slug", ["curl", "openai", "requests", "javascript"])
def test_it_runs(live_server, transactional_db, tmp_path, slug):
    cast = build_cast()
    page = {snippet.slug: snippet for snippet in snippets(cast.assistant, live_server.url)}
    assert set(page) == {"curl", "openai", "requests", "javascript"}
    program = tmp_path / page[slug].file
    program.write_text(page[slug].code)
    env = {"PATH": os.environ["PATH"], "GATEHOUSE_KEY": cast.key(cast.marco, scopes=("chat",))}
    done = subprocess.run(
        [*command(slug), str(program)], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "not a language model" in done.stdout
    rows = Exchange.objects.filter(outcome="answered", user=cast.marco)
    assert rows.count() == (2 if slug == "requests" else 1)
    assert Message.objects.count() == (4 if slug == "requests" else 0)


@pytest.mark.parametrize("slug", ["curl", "openai", "requests", "javascript"])
def test_a_wrong_key_is_an_error_and_not_an_answer(live_server, transactional_db, tmp_path, slug):
    cast = build_cast()
    page = {snippet.slug: snippet for snippet in snippets(cast.assistant, live_server.url)}
    program = tmp_path / page[slug].file
    program.write_text(page[slug].code)
    env = {"PATH": os.environ["PATH"], "GATEHOUSE_KEY": "gh_nobody"}
    done = subprocess.run(
        [*command(slug), str(program)], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "not a language model" not in done.stdout


def test_the_page_shows_the_programs_that_were_run(cast, client):
    client.force_login(cast.marco)
    page = client.get("/playground/assistant/use/").content.decode()
    for snippet in snippets(cast.assistant, "http://localhost"):
        assert snippet.title in page
        assert snippet.file in page
    assert "gh_" not in page  # never a key
