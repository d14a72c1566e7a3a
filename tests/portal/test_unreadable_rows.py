"""What cannot be opened: said aloud where it matters, and in nobody's way: not in lists, and not where it is repaired."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from audit.models import Entry
from portal import checks, keyring
from portal.keyring import Unreadable
from portal.models import DataKey, Provider
from projects.models import Conversation, Exchange, Project
from teams.models import Membership
from tests.portal.test_encryption import put, raw, signed_in, stored, talk  # noqa: F401

pytestmark = pytest.mark.django_db
JSON = "application/json"
BROKEN = b"x.broken"
SECRET = "sk-live-canary-9876543210"


def ask(cast, door, **more):
    headers = cast.bearer(cast.marco)
    if door == "v1":
        body = {"model": "assistant", "messages": [{"role": "user", "content": "say: hello"}]}
        return Client().post("/v1/chat/completions", body | more, JSON, headers=headers)
    body = {"message": "say: hello", "conversation": ""}
    return Client().post("/api/projects/assistant/chat/", body | more, JSON, headers=headers)


# The journey.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", ["api", "v1"])
@pytest.mark.parametrize("broken", ["another ring", "a damaged key"])
def test_a_question_whose_key_does_not_open_is_refused_before_anybody_is_asked(
    cast, talk, settings, model_server, broken, door, stream  # noqa: F811
):  # fmt: skip
    from tests.cast import connect

    connect(cast, model_server)
    if broken == "another ring":
        settings.FERNET_KEYS = [Fernet.generate_key().decode()]
        Project.objects.update(model=cast.model)  # which needs no secret of a provider's
    else:
        key = DataKey.objects.get(owner=keyring.person(cast.marco.pk))
        put(key, "wrapped", b"ring.gAAAAbroken")
    keyring.forget()
    before = Conversation.objects.count()
    answer = ask(cast, door, stream=stream)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "content_unreadable"
    assert b"hello" not in answer.content
    row = Exchange.objects.latest("id")
    assert (row.outcome, row.status, row.question) == ("content_unreadable", 500, None)
    assert row.closed_at is not None
    assert Conversation.objects.count() == before
    assert model_server.requests == []
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.target_id) == ("exchange_failed", row.uid)


def test_nobodys_key_is_asked_for_where_nothing_is_kept(cast, talk):  # noqa: F811
    Project.objects.update(log_content=False)
    key = DataKey.objects.get(owner=keyring.person(cast.marco.pk))
    put(key, "wrapped", b"ring.gAAAAbroken")
    keyring.forget()
    assert ask(cast, "v1").status_code == 200
    assert ask(cast, "api").status_code == 500  # which would keep a conversation


def test_a_key_that_breaks_while_the_model_answers_is_said_in_the_stream(cast, talk, monkeypatch):  # noqa: F811
    from projects import steps

    judge = steps.judge_output

    def and_the_key_breaks(passage):
        judge(passage)
        put(DataKey.objects.get(owner=keyring.person(cast.marco.pk)), "wrapped", b"")
        keyring.forget()

    monkeypatch.setattr(steps, "judge_output", and_the_key_breaks)
    answer = ask(cast, "api", stream=True)
    assert b"content_unreadable" in b"".join(answer.streaming_content)
    row = Exchange.objects.latest("id")
    assert (row.outcome, row.answer, row.closed_at is None) == ("content_unreadable", None, False)


# The start.


def test_a_key_dropped_from_the_ring_too_early_is_said_at_the_start(cast, talk, settings):  # noqa: F811
    old, new = settings.FERNET_KEYS[0], Fernet.generate_key().decode()
    many = DataKey.objects.count()
    settings.FERNET_KEYS = [new, old]
    keyring.forget()
    keyring.current(keyring.visitor("newest"))
    settings.FERNET_KEYS = [new]
    keyring.forget()
    with pytest.raises(Unreadable):
        _ = stored(talk).title
    (said,) = checks.check_ring_fits(None, ["default"])
    assert said.id == "portal.E006"
    assert f"{many} of {many + 1} data keys" in said.msg


# Providers.


@pytest.fixture
def provider(cast):
    found = Provider(slug="p", name="P", kind="openai", base_url="https://a.test")
    found.set_secret(SECRET)
    found.extra_headers = {"X-A": "b"}
    found.save()
    return found


PAGE = "/admin/portal/provider/{pk}/change/"
FORM = {
    **{"name": "P", "slug": "p", "kind": "openai", "base_url": "https://a.test", "is_active": "on"},
    **{"connect_timeout_s": "5", "read_timeout_s": "60", "total_timeout_s": "600"},
    **{"extra_headers": "{}", "models-TOTAL_FORMS": "0", "models-INITIAL_FORMS": "0"},
}
PROVIDERS_DOORS = {
    "list": ("get", "/api/providers/", None),
    "detail": ("get", "/api/providers/p/", None),
    "switched off": ("patch", "/api/providers/p/", {"is_active": False}),
    "new secret": ("patch", "/api/providers/p/", {"secret": "sk-new-123456789"}),
    "new headers": ("patch", "/api/providers/p/", {"extra_headers": {"X-B": "c"}}),
    "masked headers": ("patch", "/api/providers/p/", {"extra_headers": {"X-A": "••••"}}),
    "deleted": ("delete", "/api/providers/p/", None),
    "models": ("get", "/api/models/", None),
    "page of all": ("get", "/admin/portal/provider/", None),
    "page": ("get", PAGE, None),
    "saved as it is": ("post", PAGE, FORM),
    "saved anew": (
        "post",
        PAGE,
        FORM | {"new_secret": "sk-new-123456789", "extra_headers": '{"X-B": "c"}'},
    ),
    "tested": ("post", "/admin/portal/provider/{pk}/test/", {}),
    "start page": ("get", "/admin/", None),
}


def knock(client, row, method, path, body):
    kind = {} if body is None or "/admin/" in path else {"content_type": JSON}
    return getattr(client, method)(path.format(pk=row.pk), body, **kind)


@pytest.mark.parametrize("field", ["secret", "extra_headers"])
@pytest.mark.parametrize("door", PROVIDERS_DOORS)
def test_an_unreadable_provider_is_listed_changed_and_repaired(cast, provider, field, door):
    put(provider, field, BROKEN)
    answer = knock(signed_in(cast.admin), provider, *PROVIDERS_DOORS[door])
    assert answer.status_code in (200, 204, 302), answer.content
    assert b"canary" not in answer.content
    if door == "tested":
        assert "cannot be read" in answer.content.decode()
    if door in ("new secret", "saved anew"):
        assert stored(provider).secret == "sk-new-123456789"
        assert stored(provider).secret_last_four == "6789"
    if door in ("new headers", "saved anew"):
        assert stored(provider).extra_headers == {"X-B": "c"}
    if door in ("switched off", "saved as it is"):
        assert raw(provider, field) == BROKEN  # still there to be read with the right key
        assert stored(provider).secret_last_four == "3210"


def test_what_was_not_touched_is_still_checked_when_it_is(cast, provider):
    admin = signed_in(cast.admin)
    put(provider, "secret", BROKEN)
    wrong = {"extra_headers": {"Authorization": "x\ny"}}
    assert admin.patch("/api/providers/p/", wrong, JSON).status_code == 422


# Projects.

PROMPT = "/admin/projects/project/{pk}/change/"
PROJECTS_DOORS = {
    "list": ("get", "/api/projects/", None),
    "detail": ("get", "/api/projects/assistant/", None),
    "new prompt": ("patch", "/api/projects/assistant/", {"system_prompt": "new"}),
    "new name": ("patch", "/api/projects/assistant/", {"name": "new"}),
    "page of all": ("get", "/admin/projects/project/", None),
    "page": ("get", PROMPT, None),
    "saved as it is": ("post", PROMPT, ""),
    "saved anew": ("post", PROMPT, "new"),
    "start page": ("get", "/", None),
    "playground": ("get", "/playground/assistant/", None),
}


@pytest.mark.parametrize("door", PROJECTS_DOORS)
def test_an_unreadable_prompt_is_listed_and_repaired(cast, door):
    project = cast.assistant
    project.system_prompt = "canary prompt"
    project.save()
    put(project, "system_prompt", BROKEN)
    method, path, body = PROJECTS_DOORS[door]
    if path == PROMPT and method == "post":
        body = {
            **{"name": "A", "visibility": "public", "is_active": "on", "model": cast.model.pk},
            **{"parameters": "{}", "rate_limit_per_minute": "60", "system_prompt": body},
            **{"guards-TOTAL_FORMS": "0", "guards-INITIAL_FORMS": "0"},
        }
    answer = knock(signed_in(cast.admin), project, method, path, body)
    assert answer.status_code in (200, 302), answer.content
    assert b"canary" not in answer.content
    if door == "page":
        assert "cannot be read" in answer.content.decode()
    if door in ("new prompt", "saved anew"):
        assert stored(project).system_prompt == "new"
    if door in ("new name", "saved as it is"):
        assert raw(project, "system_prompt") == BROKEN


# The usage log and the trail.


@pytest.mark.parametrize("how", ["broken", "nul", "destroyed"])
def test_unreadable_rows_break_no_page_of_the_usage_log_and_the_trail(cast, how):
    row = Exchange.objects.create(
        project=cast.assistant,
        project_slug="assistant",
        team=cast.research,
        door="api",
        user=cast.marco,
        question="canary",
        answer="canary",
    )
    cast.marco.name = "Renamed Canary"
    cast.marco.save()
    entry = Entry.objects.latest("id")
    if how == "destroyed":
        keyring.destroy(keyring.person(cast.marco.pk))
    else:
        token = BROKEN if how == "broken" else b"x\0.z"
        put(row, "question", token)
        put(row, "answer", token)
        DataKey.objects.filter(owner=keyring.person(cast.marco.pk)).update(uid="0" * 32)
        keyring.forget()
    client = signed_in(cast.admin)
    for path in (
        "/admin/",
        "/admin/projects/exchange/",
        f"/admin/projects/exchange/{row.pk}/change/",
        "/admin/audit/entry/",
        f"/admin/audit/entry/{entry.pk}/change/",
        "/api/usage/",
        f"/api/usage/{row.uid}/",
        "/api/audit-entries/",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert b"Renamed Canary" not in answer.content or path == "/admin/audit/entry/", path


# Whose key was destroyed.


def renamed(cast, person):
    person.name = "Erased"
    person.save()


def anonymised(cast, person):
    User.objects.filter(pk=person.pk).update(email="erased@invalid.example")


def changed_in_the_console(cast, person):
    form = {"email": person.email, "name": "Erased", "is_active": "on"}
    answer = signed_in(cast.admin).post(f"/admin/accounts/user/{person.pk}/change/", form)
    assert answer.status_code == 302


def deleted(cast, person):
    person.delete()


def taken_out_of_the_team(cast, person):
    Membership.objects.filter(user=person).delete()


@pytest.mark.parametrize(
    "deed", [renamed, anonymised, changed_in_the_console, deleted, taken_out_of_the_team]
)
def test_an_erased_persons_row_can_still_change_and_the_trail_keeps_a_mask(cast, deed):
    keyring.destroy(keyring.person(cast.marco.pk))
    last = Entry.objects.latest("id").pk
    deed(cast, User.objects.get(pk=cast.marco.pk))
    entries = Entry.objects.filter(
        pk__gt=last, target_type__in=["accounts.User", "teams.Membership"]
    )
    assert entries
    assert "sealed" not in str(
        [entry.changes for entry in entries.filter(target_type="accounts.User")]
    )
    if deed is renamed:
        assert entries.get().changes == {"name": ["••••", "••••"]}


# Whose it is.


def test_a_project_stays_in_its_team_however_it_is_written(cast):
    cast.assistant.system_prompt = "canary prompt"
    cast.assistant.save()
    moved = stored(cast.assistant)
    moved.team = cast.support
    with pytest.raises(ValueError, match="team_id"):
        moved.save()
    for change in ({"team": cast.support}, {"team_id": cast.support.pk}):
        with pytest.raises(ValueError, match="does not change"):
            Project.objects.filter(pk=moved.pk).update(**change)
    assert stored(cast.assistant).system_prompt == "canary prompt"


def test_a_conversation_and_a_usage_row_stay_their_persons(cast, talk):  # noqa: F811
    row = Exchange.objects.create(project_slug="x", door="api", user=cast.marco, question="canary")
    for found in (stored(talk), stored(row)):
        found.user = cast.adam
        with pytest.raises(ValueError, match="user_id"):
            found.save()
        with pytest.raises(ValueError, match="does not change"):
            type(found).objects.filter(pk=found.pk).update(user=cast.adam)


def test_with_a_person_goes_the_content_of_their_usage_rows(cast):
    mine, other = (
        Exchange.objects.create(
            project_slug="x", door="api", team=cast.research, user=user, question="q", answer="a"
        )
        for user in (cast.marco, cast.adam)
    )
    cast.marco.delete()
    row = stored(mine)
    assert (row.user_id, row.question, row.answer) == (None, None, None)
    assert row.team == cast.research
    assert stored(other).question == "q"
    call_command("rotate_encryption", verbosity=0)


def test_rotation_tells_what_was_moved_from_what_has_no_key(cast, talk):  # noqa: F811
    other = cast.assistant.conversations.create(user=cast.adam, title="adam's")
    put(other, "title", raw(talk, "title"))
    with pytest.raises(CommandError, match="1 values were sealed for another owner") as caught:
        call_command("rotate_encryption", data_keys=True, verbosity=0)
    assert "PORTAL_FERNET_KEYS" not in str(caught.value)
