"""An exception full of internals, raised in every layer: none of it leaves, and no credential reaches the log."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.conf import settings as project_settings
from django.db import OperationalError
from django.test import Client

from portal import limit_stores, logs
from portal.celery import app
from portal.logs import JSONFormatter, scrubbed
from tests.cast import connect
from tests.projects.doors import question
from tests.widget.test_widget import ORIGIN
from widget.models import Widget

pytestmark = pytest.mark.django_db

PASSWORD = "pa55-of-the-database"
KEY = "gh_AbCdEfGhIjKl_" + "x1Y2z3" * 7 + "abcdefg"
PROVIDER = "sk-proj-canary0123456789"
PATH = "/srv/gatehouse/secret-place/settings.py"
WORDS = (
    f"could not connect: postgresql://gatehouse:{PASSWORD}@10.1.2.3:5432/portal "
    f'File "{PATH}", line 7, in connect; Authorization: Bearer {KEY}; {PROVIDER}; SELECT digest FROM accounts_key'
)
INTERNAL = (PASSWORD, KEY, PROVIDER, PATH, "10.1.2.3", "accounts_key", "Traceback", "postgresql://")
CREDENTIALS = (PASSWORD, KEY, PROVIDER)


class Boom(Exception):
    pass


def exploding_stream(*args, **kwargs):
    yield from ()
    raise Boom(WORDS)


# (what breaks, the doors that pass it)
PAGES = ("/", "/account/login/", "/playground/assistant/", "/account/keys/", "/admin/")
APIS = ("/api/projects/", "/api/usage/", "/api/audit-entries/", "/v1/models")
CHATS = ("v1", "v1 streamed", "api", "api streamed", "playground", "playground streamed")
WIDGET = "widget streamed"
STREAMS = (*CHATS[1::2], WIDGET)
REPORT = "/csp-report/"
LAYERS = {
    "portal.middleware.client_address": (*PAGES, *APIS, *CHATS, WIDGET, REPORT, "/readyz"),
    "portal.middleware.is_welcome": (*PAGES, *APIS, *CHATS, WIDGET, REPORT, "/readyz"),
    "portal.request_limits.check": (*PAGES, *APIS, *CHATS, WIDGET, REPORT, "/readyz"),
    "portal.csp_reports.take": (REPORT,),
    "portal.csp_reports._count": (REPORT,),
    "portal.views.MigrationExecutor": ("/readyz",),
    "portal.views.is_degraded": ("/readyz",),
    "widget.origins.require": (WIDGET,),
    "accounts.sessions.SessionStore.decode": ("/", "/admin/"),
    "projects.querysets.ProjectQuerySet.visible_to": (
        "/",
        "/playground/assistant/",
        "/api/projects/",
    ),
    "audit.querysets.EntryQuerySet.visible_to": ("/api/audit-entries/",),
    "django.template.base.Template.render": ("/", "/account/keys/", "/admin/"),
    "accounts.authentication.keys.parse": ("/api/projects/", "/v1/models", *CHATS[:4]),
    "projects.routes._loaded": (*CHATS, WIDGET),
    "projects.steps.take": (*CHATS, WIDGET),
    "projects.steps.inspect": (*CHATS, WIDGET),
    "projects.ledger.open_row": (*CHATS, WIDGET),
    "projects.ledger.settle": (*CHATS, WIDGET),
    "projects.ledger._keep_messages": (*CHATS, WIDGET),
    "portal.encryption.seal": CHATS[4:],
    "portal.providers.openai.OpenAIClient.complete": CHATS[0::2],
    "portal.providers.openai.OpenAIClient.stream": CHATS[1::2],
    "guards.stream.StreamInspector.feed": STREAMS,
    "guards.stream.StreamInspector.finish": STREAMS,
    "projects.steps.still_allowed": STREAMS,
    "projects.streaming._count": STREAMS,
    "projects.answers.as_answer": (*CHATS[2:], WIDGET),
    "projects.v1._Chunks._chunk": CHATS[1:2],
}


def knocker(cast, door):
    """Signed in and ready: called, it asks the door and returns the whole answer, streams included."""
    key = cast.bearer(cast.marco)
    client = Client(raise_request_exception=False)
    kind, streamed = door.partition(" ")[0], door.endswith("streamed")
    if door == REPORT:
        body = json.dumps(
            {"csp-report": {"document-uri": "https://x.example/", "blocked-uri": "eval"}}
        )
        return lambda: read(client.post(door, body, "application/csp-report"))
    if kind == "widget":
        return visitor(cast, client)
    if door.startswith(("/v1", "/api")):
        return lambda: read(client.get(door, headers=key))
    if door.startswith("/"):
        client.force_login(cast.admin)
        return lambda: read(client.get(door))
    if kind == "playground":
        client.force_login(cast.marco)
        headers = {"Accept": "text/event-stream"} if streamed else {}
        url, body = "/playground/assistant/ask/", {"message": "hello"}
        return lambda: read(client.post(url, body, headers=headers))
    url, body = "/v1/chat/completions", question("hello", stream=streamed)
    if kind == "api":
        url = "/api/projects/assistant/chat/"
        body = {"message": "hello", "conversation": "", "stream": streamed}
    return lambda: read(client.post(url, body, "application/json", headers=key))


def visitor(cast, client):
    widget, _new = Widget.objects.get_or_create(
        project=cast.helpdesk, name="Help", defaults={"allowed_domains": ["shop.example.com"]}
    )
    headers = {"origin": ORIGIN}
    begun = client.post(
        "/widget/v1/session", {"key": widget.public_id}, "application/json", headers=headers
    )
    headers["authorization"] = f"Bearer {begun.json()['token']}"
    body = {"message": "hello"}
    return lambda: read(client.post("/widget/v1/chat", body, "application/json", headers=headers))


def read(response):
    said = str(response.headers).encode()
    said += response.getvalue()  # a stream that breaks off without a word fails the test here
    return said.decode(errors="replace")


class Written(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []
        self.setFormatter(JSONFormatter())

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def written():
    handler = Written()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_internal_leaves_whatever_breaks(cast, model_server, monkeypatch, layer, written):
    connect(cast, model_server)
    broke = 0
    for door in LAYERS[layer]:
        knock = knocker(cast, door)
        with monkeypatch.context() as patch:
            if layer.endswith(".stream"):
                patch.setattr(layer, exploding_stream)
            else:
                patch.setattr(layer, Breaking())
            said = knock()
        if door in STREAMS and "event-stream" in said:
            assert "internal_error" in said, (layer, door)
        broke += "internal_error" in said or "went wrong" in said
        for secret in INTERNAL:
            assert secret not in said, (layer, door, secret)
    assert broke, layer
    log = "\n".join(written)
    for secret in CREDENTIALS:
        assert secret not in log, (layer, secret)


class Breaking:
    """A function, or a method, that always raises."""

    def __init__(self, kind=Boom):
        self.kind = kind

    def __call__(self, *args, **kwargs):
        raise self.kind(WORDS)

    def __get__(self, instance, owner):
        return self


@pytest.mark.parametrize("door", [*PAGES, *APIS, *CHATS, WIDGET, REPORT, "/readyz"])
@pytest.mark.django_db(transaction=True)
def test_what_the_databases_driver_says_stays_inside(cast, monkeypatch, written, door):
    knock = knocker(cast, door)
    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper._execute", Breaking(OperationalError))
        said = knock()
    assert (
        any(words in said for words in ("internal_error", "went wrong", "unavailable", "not ready"))
        or door == REPORT
    )
    log = "\n".join(written)
    assert not [secret for secret in INTERNAL if secret in said]
    assert not [secret for secret in CREDENTIALS if secret in log]


def test_what_rediss_driver_says_stays_inside(cast, settings, monkeypatch, written):
    knocks = [knocker(cast, door) for door in (*CHATS, WIDGET, "/readyz", REPORT)]
    settings.REDIS_URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    limit_stores.forget_stores()
    monkeypatch.setattr(
        "redis.connection.ConnectionPool.get_connection", Breaking(redis.ConnectionError)
    )
    try:
        said = [knock() for knock in knocks]
    finally:
        limit_stores.forget_stores()
    log = "\n".join(written)
    assert "degraded" in log
    assert '"limits": "degraded"' in said[-2]
    assert not [secret for secret in INTERNAL if secret in "".join(said)]
    assert not [secret for secret in CREDENTIALS if secret in log]


@pytest.mark.parametrize(
    "command", ["create_admin --email=a@example.com", "apply_retention", "rotate_encryption"]
)
def test_a_command_that_breaks_prints_no_credential(command, tmp_path):
    """As a process of its own: nobody catches what it raises, and Python prints it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import django.core.management.base as base\n"
        f"def execute(self, *args, **options): raise RuntimeError({WORDS!r})\n"
        "base.BaseCommand.execute = execute\n"
    )
    done = subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=project_settings.BASE_DIR,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(tmp_path),
            "PORTAL_ENV": "development",
            "PORTAL_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "RuntimeError: could not connect" in done.stderr
    secrets = [*CREDENTIALS, *own_secrets_of(tmp_path)]
    assert not [secret for secret in secrets if secret in done.stderr + done.stdout]


def own_secrets_of(directory):
    lines = (Path(directory) / "env").read_text().splitlines()
    return [value for line in lines for name, _, value in [line.partition("=")] if len(value) > 20]


@app.task(name="tests.break")
def breaking_task():
    raise Boom(WORDS)


def test_a_task_that_breaks_logs_no_credential(written):
    breaking_task.apply()
    log = "\n".join(written)
    assert "tests.break" in log
    assert "Boom" in log
    assert not [secret for secret in CREDENTIALS if secret in log]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("postgresql://u:hunter22@db/x", "hunter22"),
        ("rediss://:hunter22@cache:6379/0", "hunter22"),
        (f"key {KEY} is bad", KEY[4:]),
        (f"Authorization: Bearer {'x' * 40}", "x" * 40),
        ("Authorization: Basic dXNlcjpodW50ZXIyMg==", "dXNlcjpodW50ZXIyMg"),
        ("password=hunter22&x=1", "hunter22"),
        ("postgresql://u:pa@ss/w0rdxyz@db/x", "w0rdxyz"),
        ("postgresql://u:pa@ss/w0rdxyz@db/x", "pa@ss"),
        ("rediss://:p%40ss/word@cache:6379/0", "p%40ss"),
        ("password='hun ter22'", "ter22"),
        ('{"password": "hun \\"ter22"}', "ter22"),
        ("PGPASSWORD=hunter22x psql", "hunter22x"),
        ("REDIS_PASSWORD: hunter22x", "hunter22x"),
        ("SECRET_KEY = 'abcdefgh1234'", "abcdefgh1234"),
        ("x-api-key: abcdefgh12345", "abcdefgh12345"),
        ("Authorization: Token abcdefgh1234567890", "abcdefgh1234567890"),
        ("{'Authorization': 'abcdefgh1234567890'}", "abcdefgh1234567890"),
        ("gatehouse_session=abcdefgh1234567890; x", "abcdefgh1234567890"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "SyA1234567890"),
        ("hf_abcdefghijklmnopqrstuvwx", "abcdefghijkl"),
        ("gho_abcdefghijklmnopqrstuvwx", "abcdefghijkl"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijk", "eyJzdWIiOiIxIn0"),
        ("/account/password/reset/key/1-c9abcd-0123456789abcdef/", "0123456789abcdef"),
        ("eyJ3IjoiYWJjIiwibyI6IjEifQ:1wGxYz:" + "k" * 43, "k" * 43),
        ('{"api_key": "hunter2222"}', "hunter2222"),
        ("gAAAAABn" + "x" * 60, "x" * 60),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "MIIE"),
    ],
)
def test_a_log_line_holds_no_credential(text, gone):
    assert gone not in scrubbed(text)


def test_the_portals_own_secrets_are_taken_out_wherever_they_stand(settings):
    for secret in (settings.SECRET_KEY, settings.FERNET_KEYS[0], settings.KEY_PEPPER.decode()):
        assert secret not in scrubbed(f"weird {secret} place")


def test_so_are_those_of_its_redis_its_mail_and_its_databases(settings, monkeypatch, tmp_path):
    """As they are written in an address, and as they are meant."""
    settings.REDIS_URL = "redis://:red%40is-w0rd@cache/0"
    settings.EMAIL_HOST_PASSWORD = "mail-w0rd-x"
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://o:owner-w0rd@db/x")
    (tmp_path / "url").write_text("postgresql://s:system-w0rd@db/x\n")
    monkeypatch.setenv("DATABASE_SYSTEM_URL_FILE", str(tmp_path / "url"))
    logs._own_secrets.cache_clear()
    try:
        for secret in ("red%40is-w0rd", "red@is-w0rd", "mail-w0rd-x", "owner-w0rd", "system-w0rd"):
            assert secret not in scrubbed(f"weird {secret} place")
    finally:
        logs._own_secrets.cache_clear()


def test_a_log_call_with_the_wrong_arguments_is_a_line_too():
    wrong = logging.makeLogRecord({"msg": "%d of %s", "args": (f"password={PASSWORD}",)})
    line = JSONFormatter().format(wrong)
    assert "of %s" in line
    assert PASSWORD not in line


def test_an_ordinary_line_stays_as_it_is():
    for line in (
        "Not Found: /api/projects/assistant/chat/ after 3 tries at 10:15 (token count 5)",
        "GET https://portal.example.com:8443/playground/?q=me@example.com prompt_tokens: 12345",
        "Not Found: /account/password/reset/ by user marco@example.com at 2026-01-01T10:15:00",
    ):
        assert scrubbed(line) == line
