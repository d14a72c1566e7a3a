"""Secrets and content at rest: bound to row and owner, loud when unreadable, gone with the key."""

import json
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.test import Client

from portal import checks, classification, keyring, keys_in_use
from portal.encryption import EncryptedTextField, Sealed, encrypted_fields, seal, unseal
from portal.keyring import Destroyed, Unreadable
from portal.models import DataKey, Provider
from projects.models import Conversation, Exchange, Message, Project
from tests.cast import PASSWORD
from tests.projects.doors import question

pytestmark = pytest.mark.django_db

SECRET = "sk-live-canary-9876543210"


@pytest.fixture
def talk(cast):
    found = cast.assistant.conversations.create(user=cast.marco, title="canary title")
    found.messages.create(role="user", content="canary question")
    found.messages.create(role="assistant", content="canary answer")
    return found


def raw(row, field):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {field} FROM {row._meta.db_table} WHERE id = %s",
            [row.pk],
        )
        return bytes(cursor.fetchone()[0])


def put(row, field, token):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {field} = %s WHERE id = %s",
            [token, row.pk],
        )


def stored(row):
    return type(row)._base_manager.get(pk=row.pk)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_what_is_stored_is_a_token_under_the_owners_key_and_reads_as_the_text(talk, cast):
    token = raw(talk, "title")
    key = DataKey.objects.get(owner=f"accounts.User:{cast.marco.pk}")
    assert token.startswith(key.uid.encode() + b".gAAAA")
    assert stored(talk).title == "canary title"
    assert [message.content for message in talk.messages.all()] == [
        "canary question",
        "canary answer",
    ]


def test_a_prompt_is_under_its_teams_key_and_credentials_under_the_platforms(cast):
    cast.assistant.system_prompt = "canary prompt"
    cast.assistant.save()
    provider = Provider(slug="p", name="P", kind="openai", base_url="https://a.test")
    provider.set_secret(SECRET)
    provider.extra_headers = {"X-Organisation": "canary"}
    provider.save()
    owners = {
        raw(row, field).partition(b".")[0].decode(): owner
        for row, field, owner in (
            (cast.assistant, "system_prompt", f"teams.Team:{cast.research.pk}"),
            (provider, "secret", "platform"),
            (provider, "extra_headers", "platform"),
        )
    }
    assert dict(DataKey.objects.filter(uid__in=owners).values_list("uid", "owner")) == owners
    assert stored(provider).secret == SECRET
    assert stored(provider).extra_headers == {"X-Organisation": "canary"}


def test_a_ciphertext_opens_in_its_own_row_and_column_only(talk, cast):
    first, second = talk.messages.order_by("pk")
    put(second, "content", raw(first, "content"))
    with pytest.raises(Unreadable):
        _ = stored(second).content
    other = cast.assistant.conversations.create(user=cast.marco, title="other")
    put(other, "title", raw(talk, "title"))
    with pytest.raises(Unreadable):
        _ = stored(other).title
    put(other, "title", raw(first, "content"))
    with pytest.raises(Unreadable):
        _ = stored(other).title


def test_a_row_given_to_somebody_else_does_not_open_for_them(talk, cast):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE projects_conversation SET user_id = %s WHERE id = %s", [cast.adam.pk, talk.pk]
        )
    with pytest.raises(Unreadable):
        _ = stored(talk).title


def test_data_keys_do_not_open_for_another_owner(talk, cast):
    adam = cast.assistant.conversations.create(user=cast.adam, title="adam's")
    keys = {key.owner: key for key in DataKey.objects.all()}
    marcos, adams = (keys[keyring.person(user.pk)] for user in (cast.marco, cast.adam))
    put(marcos, "wrapped", raw(adams, "wrapped"))
    keyring.forget()
    with pytest.raises(Unreadable):
        _ = stored(talk).title
    assert stored(adam).title == "adam's"


def test_saving_what_was_not_touched_writes_the_same_ciphertext(talk):
    before = raw(talk, "title")
    found = stored(talk)
    found.save()
    assert raw(talk, "title") == before
    found.title = "another"
    found.save()
    assert raw(talk, "title") != before
    assert stored(talk).title == "another"


def test_values_and_lists_show_a_mask_and_never_the_ciphertext_as_text(talk):
    value = Conversation.objects.values_list("title", flat=True).get(pk=talk.pk)
    assert isinstance(value, Sealed)
    assert f"{value} {value!r}" == "•••• ••••"
    with pytest.raises(TypeError):
        json.dumps({"title": value})


def test_expressions_dumps_lookups_and_blind_updates_are_refused(talk):
    for value in (Value("clear"), F("uid"), "clear"):
        with pytest.raises(FieldError), transaction.atomic():
            Conversation.objects.filter(pk=talk.pk).update(title=value)
    talk.title = Value("clear")
    with pytest.raises(FieldError), transaction.atomic():
        talk.save()
    with pytest.raises(FieldError):
        Conversation.objects.filter(title="canary title").exists()
    with pytest.raises(FieldError):
        serializers.serialize("json", Conversation.objects.all())


def test_bulk_create_and_bulk_update_seal_each_row(cast, talk):
    made = Message.objects.bulk_create(
        Message(conversation=talk, role="user", content=f"bulk {n}") for n in range(3)
    )
    for number, row in enumerate(made):
        row.content = f"changed {number}"
    Message.objects.bulk_update(made, ["content"])
    assert [row.content for row in made] == ["changed 0", "changed 1", "changed 2"]
    rows = [stored(row) for row in made]
    assert [row.content for row in rows] == ["changed 0", "changed 1", "changed 2"]
    assert all(raw(row, "content").partition(b".")[2].startswith(b"gAAAA") for row in rows)


def test_empty_stays_empty_and_none_stays_none(cast):
    row = Exchange.objects.create(project_slug="x", door="api", user=cast.marco, question="")
    assert (stored(row).question, stored(row).answer) == ("", None)


@pytest.mark.parametrize("broken", ["another ring", "no data key", "mangled", "never sealed"])
def test_what_cannot_be_read_is_a_loud_error_and_never_text(talk, settings, broken):
    if broken == "another ring":
        settings.FERNET_KEYS = [Fernet.generate_key().decode()]
    elif broken == "no data key":
        DataKey.objects.all().delete()
    elif broken == "mangled":
        put(talk, "title", raw(talk, "title")[:-8] + b"AAAAAAA=")
    else:
        put(talk, "title", b"in clear, by somebody's hand")
    keyring.forget()
    with pytest.raises(Unreadable) as caught:
        _ = stored(talk).title
    assert "canary" not in str(caught.value)
    assert "somebody" not in str(caught.value)


def test_one_unreadable_row_breaks_no_list(talk, cast):
    cast.assistant.conversations.create(user=cast.marco, title="good title")
    put(talk, "title", b"x.broken")
    put(talk.messages.first(), "content", b"x.broken")
    client = signed_in(cast.marco)
    for page in ("/", "/playground/assistant/", f"/playground/assistant/{talk.uid}/"):
        assert client.get(page).status_code == 200
    page = client.get("/playground/assistant/?q=good").content.decode()
    assert "good title" in page
    page = client.get(f"/playground/assistant/{talk.uid}/").content.decode()
    assert "cannot be read" in page
    assert "canary answer" in page
    found = client.get("/api/conversations/").json()["results"]
    assert {row["title"] for row in found} == {None, "good title"}
    shown = client.get(f"/api/conversations/{talk.uid}/").json()
    assert [row["content"] for row in shown["messages"]] == [None, "canary answer"]


def test_an_unreadable_prompt_is_said_and_nothing_is_asked_without_it(cast):
    cast.assistant.system_prompt = "canary prompt"
    cast.assistant.save()
    put(cast.assistant, "system_prompt", b"x.broken")
    client = Client()
    response = client.post(
        "/v1/chat/completions",
        question("hello"),
        "application/json",
        headers=cast.bearer(cast.marco),
    )
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "content_unreadable"
    listed = signed_in(cast.admin).get("/api/projects/")
    assert listed.status_code == 200
    assert signed_in(cast.admin).get("/admin/projects/project/").status_code == 200


def test_destroying_a_persons_key_ends_their_content_everywhere_and_for_good(talk, cast):
    asked = Exchange.objects.create(
        project=cast.assistant,
        project_slug="assistant",
        team=cast.research,
        door="api",
        user=cast.marco,
        question="canary",
    )
    other = cast.assistant.conversations.create(user=cast.adam, title="adam's")
    assert keyring.destroy(keyring.person(cast.marco.pk)) == 1
    for row, name in (
        (stored(talk), "title"),
        (stored(talk.messages.first()), "content"),
        (stored(asked), "question"),
    ):
        with pytest.raises(Destroyed):
            getattr(row, name)
    assert stored(other).title == "adam's"
    assert all(not key.wrapped for key in DataKey.objects.filter(destroyed_at__isnull=False))
    with pytest.raises(Destroyed), transaction.atomic():
        cast.assistant.conversations.create(user=cast.marco, title="more")
    assert keyring.destroy(keyring.person(cast.marco.pk)) == 0


def test_who_has_no_key_any_more_can_still_be_answered_and_nothing_is_kept(cast):
    keyring.destroy(keyring.person(cast.marco.pk))
    answer = signed_in(cast.marco).post(
        "/api/projects/assistant/chat/",
        {"message": "say: hello", "conversation": ""},
        "application/json",
    )
    assert answer.status_code == 200
    row = Exchange.objects.latest("id")
    assert (row.outcome, row.question, row.answer) == ("answered", None, None)
    assert not Conversation.objects.filter(user=cast.marco).exists()


@pytest.mark.django_db(transaction=True)
def test_a_data_key_that_was_rolled_back_encrypts_nothing():
    owner = keyring.visitor("rolled-back")
    with transaction.atomic():
        lost = keyring.current(owner)
        transaction.set_rollback(True)
    assert keyring.current(owner).uid != lost.uid
    assert unseal(seal("kept", owner=owner, place="p"), owner=owner, place="p") == "kept"


def test_the_table_of_sessions_opens_no_session(cast):
    client = Client()
    client.post("/account/login/", {"login": "marco@example.com", "password": PASSWORD})
    cookie = client.cookies["gatehouse_session"].value
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key, session_data FROM accounts_session")
        rows = cursor.fetchall()
    assert rows
    assert cookie not in str(rows)
    for key, data in rows:
        assert "_auth_user" not in data
        thief = Client()
        thief.cookies["gatehouse_session"] = key
        assert thief.get("/").status_code == 302
    assert client.get("/").status_code == 200


def test_session_data_of_another_session_is_an_empty_session(cast):
    mine, theirs = signed_in(cast.vera), signed_in(cast.admin)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_key, session_data FROM accounts_session ORDER BY expire_date"
        )
        (first, _), (_, stolen) = cursor.fetchall()
        cursor.execute(
            "UPDATE accounts_session SET session_data = %s WHERE session_key = %s", [stolen, first]
        )
    assert mine.get("/").status_code == 302
    assert theirs.get("/").status_code == 200


# The classes of fields, and the checks that keep them.


def test_no_model_has_a_field_that_is_unclassed_or_in_clear():
    assert checks.check_classification(None) == []


@pytest.mark.parametrize(
    ("field", "kind", "id"),
    [
        (models.CharField(max_length=9), None, "portal.E001"),
        (models.TextField(), None, "portal.E001"),
        (models.JSONField(), None, "portal.E001"),
        (models.BinaryField(), None, "portal.E001"),
        (models.CharField(max_length=9), classification.SECRET, "portal.E002"),
        (models.TextField(), classification.CONTENT, "portal.E002"),
        (EncryptedTextField(), classification.PUBLIC, "portal.E003"),
        (EncryptedTextField(), classification.SECRET, "portal.E004"),
    ],
)
def test_the_check_finds_what_is_unclassed_or_in_clear(monkeypatch, field, kind, id):
    made = type(
        "Probe",
        (models.Model,),
        {"__module__": "tests", "note": field, "Meta": type("Meta", (), {"app_label": "portal"})},
    )
    try:
        if kind:
            monkeypatch.setitem(classification.FIELDS, "portal.Probe.note", kind)
        assert id in {found.id for found in checks._problems_of(made)}
    finally:
        del apps.all_models["portal"]["probe"]
        apps.clear_cache()


def test_every_encrypted_field_is_secret_or_content():
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in encrypted_fields(model)
    }
    assert len(found) >= 8
    assert {classification.FIELDS[name] for name in found} <= {"secret", "content"}


def test_a_ring_that_does_not_fit_is_said_at_the_start(talk, settings):
    assert checks.check_ring_fits(None, ["default"]) == []
    settings.FERNET_KEYS = [Fernet.generate_key().decode()]
    assert [found.id for found in checks.check_ring_fits(None, ["default"])] == ["portal.E006"]
    settings.FERNET_KEYS = []
    assert [found.id for found in checks.check_key_ring(None)] == ["portal.E005"]


# Rotation.


def rotated(**options):
    said = StringIO()
    call_command("rotate_encryption", stdout=said, **options)
    return said.getvalue()


def test_after_rotation_nothing_is_left_on_the_old_ring(talk, cast, settings):
    old, new = settings.FERNET_KEYS[0], Fernet.generate_key().decode()
    settings.FERNET_KEYS = [new, old]
    many = DataKey.objects.count()
    assert f"{many} values would be renewed" in rotated(dry_run=True)
    assert f"{many} values renewed" in rotated()
    settings.FERNET_KEYS = [new]
    keyring.forget()
    assert stored(talk).title == "canary title"
    assert "0 values renewed" in rotated()
    assert signed_in(cast.admin).get("/admin/audit/entry/").status_code == 200
    settings.FERNET_KEYS = [old]
    keyring.forget()
    with pytest.raises(Unreadable):
        _ = stored(talk).title


def test_new_data_keys_carry_all_content_over(talk, cast, monkeypatch):
    monkeypatch.setattr(keys_in_use, "LIFETIME", 0.0)
    cast.assistant.system_prompt = "canary prompt"
    cast.assistant.save()
    before = [raw(talk, "title"), raw(cast.assistant, "system_prompt")]
    old = set(DataKey.objects.filter(retired_at__isnull=True).values_list("uid", flat=True))
    rotated(data_keys=True)
    after = [raw(talk, "title"), raw(cast.assistant, "system_prompt")]
    for was, now in zip(before, after, strict=True):
        assert was.partition(b".")[0].decode() in old
        assert now.partition(b".")[0].decode() not in old
    assert stored(talk).title == "canary title"
    assert [m.content for m in talk.messages.all()] == ["canary question", "canary answer"]
    entry = apps.get_model("audit.Entry").objects.latest("id")
    assert entry.action == "encryption_rotated"


def test_rotation_never_undoes_a_write_beside_it(talk, settings, monkeypatch):
    monkeypatch.setattr(keys_in_use, "LIFETIME", 0.0)
    from portal import rotation

    swap = rotation._swap

    def slow(row, field, old, new):
        if isinstance(row, Conversation):
            found = stored(row)
            found.title = "written meanwhile"
            found.save()
        swap(row, field, old, new)

    monkeypatch.setattr(rotation, "_swap", slow)
    rotated(data_keys=True)
    assert stored(talk).title == "written meanwhile"


def test_rotation_names_what_no_key_opens_and_goes_on(talk, cast, settings):
    keyring.destroy(keyring.person(cast.vera.pk))
    broken = cast.assistant.conversations.create(user=cast.adam, title="x")
    put(broken, "title", b"x.broken")
    settings.FERNET_KEYS = [Fernet.generate_key().decode(), *settings.FERNET_KEYS]
    with pytest.raises(CommandError, match="1 values"):
        rotated()
    assert stored(talk).title == "canary title"


def test_project_keeps_its_uid(cast):
    with pytest.raises(ValueError, match="uid"):
        Project.objects.filter(pk=cast.assistant.pk).update(uid="0" * 32)
