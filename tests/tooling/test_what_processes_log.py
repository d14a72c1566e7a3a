"""What the processes of an installation write where something breaks: lines of JSON, and no credential in them."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from tests.projects.doors import events, question
from tests.servers import free_port
from tests.tooling.installation import PROXY, ROOT, cookie_of, running, shell
from tests.tooling.layers import CREDENTIALS, LAYERS

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("production logs")]
ORIGIN = "https://shop.example.com"
WIDGET = (
    "from projects.models import Project; from widget.models import Widget\n"
    "widget = Widget.objects.create(project=Project.objects.get(slug='assistant'), name='Shop',"
    " allowed_domains=['shop.example.com'])\n"
    "print(widget.public_id)"
)
STREAMS = ("v1", "api", "playground", "widget")
OF_ONE_DOOR = {"projects.v1._Chunks._end": ("v1",), "projects.answers.as_answer": STREAMS[1:]}
OTHERS = {"portal.middleware.is_welcome", "portal.views.is_degraded", "portal.csp_reports.take"}
BEFORE_THE_STREAM = {"projects.steps.inspect"}


@contextmanager
def started(script, env, log, *, instead_of):
    """One of `deploy/`'s scripts as it is, but for the module that it names."""
    text = (ROOT / "deploy" / script).read_text()
    assert instead_of in text
    text = text.replace(instead_of, instead_of.replace("portal.", "tests.tooling.breaking@", 1))
    text = re.sub(r"breaking@(wsgi|celery)", "breaking", text)
    with log.open("w") as out:
        process = subprocess.Popen(
            ["sh", "-c", text, f"deploy/{script}"],
            cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """An installation, with a second web server, a worker and beat that break."""
    directory = tmp_path_factory.mktemp("breaking")
    broken = directory / "broken"
    broken.write_text("")
    with running(tmp_path_factory) as found:
        port = free_port()
        env = {
            **found["env"],
            "PORT": str(port),
            "BREAKING": str(broken),
            "PORTAL_EMAIL_HOST": "127.0.0.1",
            "PORTAL_EMAIL_PASSWORD": "mail-pa55-canary",
            "WORKER_CONCURRENCY": "1",
        }
        found |= {"broken": broken, "log": directory / "web", "directory": directory}
        found |= {"widget": shell(env, WIDGET).splitlines()[-1], "breaking_env": env}
        found["cookie"] = cookie_of(env, "marco@example.com")
        with started("web.sh", env, found["log"], instead_of="portal.wsgi:application"):
            found["base"] = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(found["base"]), 60)
            yield found


def answers(base):
    try:
        return requests.get(f"{base}/healthz", headers=PROXY, timeout=5).ok
    except requests.RequestException:
        return False


def wait_for(fact, seconds):
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.1)


def visitors_token(house):
    headers = {**PROXY, "Origin": ORIGIN}
    begun = requests.post(
        f"{house['base']}/widget/v1/session", json={"key": house["widget"]}, headers=headers
    )
    return begun.json()["token"]


def knock(house, door, token):
    """A question to a streamed door; the answer."""
    bearer = {**PROXY, "Authorization": f"Bearer {house['key']}"}
    base = house["base"]
    if door == "v1":
        body = question("say: hello there", stream=True)
        return requests.post(f"{base}/v1/chat/completions", json=body, headers=bearer)
    if door == "api":
        body = {"message": "say: hello there", "stream": True}
        return requests.post(f"{base}/api/projects/assistant/chat/", json=body, headers=bearer)
    if door == "widget":
        headers = {**PROXY, "Origin": ORIGIN, "Authorization": f"Bearer {token}"}
        body = {"message": "say: hello there"}
        return requests.post(f"{base}/widget/v1/chat", json=body, headers=headers)
    csrf = "c" * 32
    headers = {
        **PROXY,
        "Cookie": f"{house['cookie']}; gatehouse_csrf={csrf}",
        "X-CSRFToken": csrf,
        "Referer": "https://portal.example.com/",
        "Accept": "text/event-stream",
    }
    body = {"message": "say: hello there"}
    return requests.post(f"{base}/playground/assistant/ask/", data=body, headers=headers)


def own_secrets(env):
    """The values of the installation's own secrets, and of its addresses the passwords."""
    for name, value in env.items():
        if re.match(r"PORTAL_(SECRET|FERNET|KEY_PEPPER|AUDIT|EMAIL_PASSWORD)", name):
            yield value
        elif name.endswith("_URL") and (password := urlsplit(value).password):
            yield password


def check_log(house, said, *, of):
    for secret in (*CREDENTIALS, *own_secrets(house["breaking_env"])):
        assert secret not in said, of
    lines = [line for line in said.splitlines() if line.strip() and "shutdown (Main" not in line]
    assert [line for line in lines if not line.startswith("{")] == [], of
    return [json.loads(line) for line in lines]


def test_all_streams_answer_while_nothing_is_broken(house):
    house["broken"].write_text("")
    for door in STREAMS:
        answer = knock(house, door, visitors_token(house))
        assert answer.status_code == 200, (door, answer.text)
        assert "error" not in answer.text, (door, answer.text)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer not in OTHERS])
def test_a_stream_that_breaks_ends_with_the_error_and_the_log_holds_no_credential(house, layer):
    token = visitors_token(house)
    before = len(house["log"].read_text())
    house["broken"].write_text(layer)
    try:
        for door in OF_ONE_DOOR.get(layer, STREAMS):
            answer = knock(house, door, token)
            if layer in BEFORE_THE_STREAM:
                assert answer.status_code == 500
                assert answer.headers["X-Request-ID"] in answer.text
                continue
            assert answer.status_code == 200, (door, answer.text)
            name, last = events(answer.content)[-1]
            assert last["error"]["code"] == "internal_error", (layer, door, answer.text)
            assert last["error"]["request_id"] == answer.headers["X-Request-ID"]
            assert name == ("message" if door == "v1" else "error")
            assert not [secret for secret in CREDENTIALS if secret in answer.text]
    finally:
        house["broken"].write_text("")
    wait_for(lambda: "Boom" in house["log"].read_text()[before:], 10)
    lines = check_log(house, house["log"].read_text()[before:], of=layer)
    assert any("Boom" in line.get("exception", "") for line in lines)
    assert not [line for line in lines if line["logger"] == "_granian"]  # nothing gets that far


@pytest.mark.parametrize(
    ("layer", "method", "path"),
    [
        ("portal.middleware.is_welcome", "GET", "/"),
        ("portal.middleware.is_welcome", "POST", "/widget/v1/session"),
        ("portal.views.is_degraded", "GET", "/readyz"),
        ("portal.csp_reports.take", "POST", "/csp-report/"),
    ],
)
def test_what_breaks_elsewhere_is_logged_without_a_credential_too(house, layer, method, path):
    before = len(house["log"].read_text())
    house["broken"].write_text(layer)
    try:
        answer = requests.request(method, house["base"] + path, headers=PROXY)
    finally:
        house["broken"].write_text("")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.text
    assert not [secret for secret in CREDENTIALS if secret in answer.text]
    wait_for(lambda: "Boom" in house["log"].read_text()[before:], 10)
    check_log(house, house["log"].read_text()[before:], of=path)


def test_a_task_that_breaks_and_beat_that_sends_it_log_no_credential(house):
    env, worker, beat = (
        house["breaking_env"],
        house["directory"] / "worker.log",
        house["directory"] / "beat.log",
    )
    # Root is warned of itself before there is a log.
    env = {**env, "PORTAL_DATA_DIR": str(house["directory"]), "PYTHONWARNINGS": "ignore"}
    with (
        started("worker.sh", env, worker, instead_of="portal.celery"),
        started("beat.sh", env, beat, instead_of="portal.celery"),
    ):
        shell(env, "from tests.tooling.breaking import say; say.delay()")
        wait_for(
            lambda: "tests.break" in worker.read_text() and '"tests"' in worker.read_text(), 60
        )
        time.sleep(0.5)
    lines = check_log(house, worker.read_text(), of="worker")
    assert any(line["logger"].startswith("celery") and "Boom" in str(line) for line in lines)
    check_log(house, beat.read_text(), of="beat")
