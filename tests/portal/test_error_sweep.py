"""An exception full of internals, raised in every layer: none of it leaves, and no credential reaches the log."""

import logging

import pytest
from django.test import Client

from portal.logs import JSONFormatter, scrubbed
from tests.cast import connect
from tests.projects.doors import question

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
LAYERS = {
    "portal.middleware.client_address": (*PAGES, *APIS, *CHATS),
    "portal.middleware.is_welcome": (*PAGES, *APIS, *CHATS),
    "portal.request_limits.check": (*PAGES, *APIS, *CHATS),
    "accounts.sessions.SessionStore.decode": ("/", "/admin/"),
    "projects.querysets.ProjectQuerySet.visible_to": (
        "/",
        "/playground/assistant/",
        "/api/projects/",
    ),
    "audit.querysets.EntryQuerySet.visible_to": ("/api/audit-entries/",),
    "django.template.base.Template.render": ("/", "/account/keys/", "/admin/"),
    "accounts.authentication.keys.parse": ("/api/projects/", "/v1/models", *CHATS[:4]),
    "projects.routes._loaded": CHATS,
    "projects.steps.take": CHATS,
    "projects.steps.inspect": CHATS,
    "projects.ledger.open_row": CHATS,
    "projects.ledger.settle": CHATS,
    "projects.ledger._keep_messages": CHATS,
    "portal.encryption.seal": CHATS[4:],
    "portal.providers.openai.OpenAIClient.complete": CHATS[0::2],
    "portal.providers.openai.OpenAIClient.stream": CHATS[1::2],
    "guards.stream.StreamInspector.feed": CHATS[1::2],
    "projects.answers.as_answer": CHATS[2:],
}


def knocker(cast, door):
    """Signed in and ready: called, it asks the door and returns the whole answer, streams included."""
    key = cast.bearer(cast.marco)
    client = Client(raise_request_exception=False)
    kind, streamed = door.partition(" ")[0], door.endswith("streamed")
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


def read(response):
    said = str(response.headers).encode()
    if getattr(response, "streaming", False):
        try:
            for chunk in response.streaming_content:
                said += chunk
        except Boom:
            said += b" (broke off)"
    else:
        said += response.content
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
        broke += "internal_error" in said or "broke off" in said or "went wrong" in said
        for secret in INTERNAL:
            assert secret not in said, (layer, door, secret)
    assert broke, layer
    log = "\n".join(written)
    for secret in CREDENTIALS:
        assert secret not in log, (layer, secret)


class Breaking:
    """A function, or a method, that always raises."""

    def __call__(self, *args, **kwargs):
        raise Boom(WORDS)

    def __get__(self, instance, owner):
        return self


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("postgresql://u:hunter22@db/x", "hunter22"),
        ("rediss://:hunter22@cache:6379/0", "hunter22"),
        (f"key {KEY} is bad", KEY[4:]),
        (f"Authorization: Bearer {'x' * 40}", "x" * 40),
        ("Authorization: Basic dXNlcjpodW50ZXIyMg==", "dXNlcjpodW50ZXIyMg"),
        ("password=hunter22&x=1", "hunter22"),
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


def test_an_ordinary_line_stays_as_it_is():
    line = "Not Found: /api/projects/assistant/chat/ after 3 tries at 10:15 (token count 5)"
    assert scrubbed(line) == line
