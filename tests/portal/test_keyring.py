"""Data keys beside other transactions and processes: destroyed is destroyed, made is not yet committed, read is believed."""

import pickle
import threading
import types
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import keyring, keys_in_use, rotation
from portal.encryption import seal, unseal
from portal.keyring import Destroyed, Unreadable
from portal.models import DataKey
from portal.tasks import apply_retention
from projects.models import Exchange, Project
from tests.cast import build_cast
from tests.portal.test_encryption import put, raw, signed_in, stored, talk  # noqa: F401
from widget.models import Widget

committed = pytest.mark.django_db(transaction=True)
JSON = "application/json"


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(keyring, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    return now


def beside(deed):
    """Runs in another thread, on a connection of its own."""

    def run():
        try:
            deed()
        finally:
            connection.close()

    running = threading.Thread(target=run)
    running.start()
    return running


def destroyed_by_another_process(owner):
    """What `destroy` leaves in the database, without what it does to this process's memory."""
    DataKey.objects.filter(owner=owner).update(wrapped="", destroyed_at=timezone.now())


def test_a_key_destroyed_beside_a_renewal_stays_destroyed(cast, monkeypatch):
    owner = keyring.person(cast.marco.pk)
    keyring.current(owner)
    paged = rotation._paged

    def after_the_page_was_read(rows):
        page = list(paged(rows))
        keyring.destroy(owner)
        yield from page

    monkeypatch.setattr(rotation, "_paged", after_the_page_was_read)
    rotation.renew_data_keys()
    assert DataKey.objects.filter(owner=owner).count() == 1
    with pytest.raises(Destroyed):
        keyring.current(owner)


@committed
@pytest.mark.parametrize("deed", ["renewed", "made"])
def test_destroying_waits_for_who_is_about_to_commit_a_new_key(deed):
    """Otherwise it would not see that key, and the owner would live on."""
    owner = keyring.person(4242)
    if deed == "renewed":
        keyring.current(owner)
    with transaction.atomic():
        if deed == "renewed":
            assert keyring.renew(owner)
        else:
            keyring.current(owner)
        destroyer = beside(lambda: keyring.destroy(owner))
        destroyer.join(0.5)
        assert destroyer.is_alive()
    destroyer.join(30)
    assert not DataKey.objects.filter(owner=owner, destroyed_at__isnull=True).exists()
    keyring.forget()
    with pytest.raises(Destroyed):
        keyring.current(owner)


@committed
def test_who_needs_a_key_that_is_being_made_waits_for_it():
    owner, found = keyring.visitor("same"), []
    with transaction.atomic():
        mine = keyring.current(owner)
        other = beside(lambda: found.append(keyring.current(owner).uid))
        other.join(0.3)
        assert other.is_alive()
    other.join(30)
    assert found == [mine.uid]


def test_an_owner_with_a_tombstone_never_gets_another_key(db):
    owner = keyring.person(4242)
    DataKey.objects.create(
        owner=owner, wrapped="", retired_at=timezone.now(), destroyed_at=timezone.now()
    )
    with pytest.raises(Destroyed):
        keyring.current(owner)
    assert keyring.renew(owner) is False
    assert DataKey.objects.filter(owner=owner).count() == 1


def test_who_never_had_a_key_gets_a_tombstone_too(db):
    owner = keyring.person(4242)
    assert keyring.destroy(owner) == 0
    with pytest.raises(Destroyed):
        keyring.current(owner)
    assert keyring.destroy(owner) == 0


@committed
def test_a_key_read_in_a_long_transaction_is_believed_no_longer_than_elsewhere(clock):
    owner = keyring.person(7777)
    keyring.current(owner)
    keyring.forget()
    with transaction.atomic():
        keyring.current(owner)
        clock[0] += 10
    destroyed_by_another_process(owner)
    with pytest.raises(Destroyed):
        keyring.current(owner)


@committed
def test_a_slow_answer_of_the_database_lengthens_no_life(clock, monkeypatch):
    owner = keyring.person(7777)
    uid = keyring.current(owner).uid
    keyring.forget()
    rows = keyring._rows

    def slow():
        clock[0] += 5  # asked before, answered after
        return rows()

    monkeypatch.setattr(keyring, "_rows", slow)
    keyring.by_uid(uid)
    monkeypatch.setattr(keyring, "_rows", rows)
    destroyed_by_another_process(owner)
    with pytest.raises(Destroyed):
        keyring.by_uid(uid)


@committed
def test_what_another_process_destroyed_is_dead_here_within_the_promised_seconds(clock):
    owner = keyring.person(7777)
    token = seal("canary", owner=owner, place="p")
    keyring.forget()
    assert unseal(token, owner=owner, place="p") == "canary"
    destroyed_by_another_process(owner)
    clock[0] += keys_in_use.LIFETIME
    with pytest.raises(Destroyed):
        unseal(token, owner=owner, place="p")
    with pytest.raises(Destroyed):
        seal("more", owner=owner, place="p")


@committed
def test_a_key_in_an_open_transaction_is_known_to_its_connection_alone():
    owner = keyring.visitor("open")
    with transaction.atomic():
        with transaction.atomic():
            made = keyring.current(owner)
            with CaptureQueriesContext(connection) as asked:
                assert keyring.current(owner) is made
                assert keyring.by_uid(made.uid) is made
            assert len(asked) == 0
            assert keyring._believed.find(made.uid) is None
            transaction.set_rollback(True)
        again = keyring.current(owner)
        assert again.uid != made.uid
        keyring.forget()  # read anew, and still not everybody's
        assert keyring.current(owner).uid == again.uid
        assert keyring._believed.find(again.uid) is None
    assert keyring._believed.find(again.uid) is not None


@committed
def test_a_page_of_titles_asks_for_each_persons_key_once():
    few_and_many = (5, 50)
    cast = build_cast()
    client, asked = signed_in(cast.marco), []
    for number in range(max(few_and_many)):
        cast.assistant.conversations.create(user=cast.marco, title=f"title {number}")
        if number + 1 in few_and_many:
            client.get("/playground/assistant/")
            keyring.forget()
            with CaptureQueriesContext(connection) as captured:
                page = client.get("/playground/assistant/")
            assert b"title 0" in page.content
            asked.append((len(captured), keys_asked_for(captured)))
    assert asked[0] == asked[1]
    assert asked[1][1] <= 3  # the reader's own, the project's team's, the platform's


@committed
def test_a_question_with_a_long_history_asks_for_the_key_once():
    cast = build_cast()
    conversation = cast.assistant.conversations.create(user=cast.marco, title="t")
    body = {"message": "say: hi", "conversation": conversation.uid}
    headers, asked = cast.bearer(cast.marco), []
    for size in (2, 30):
        while conversation.messages.count() < size:
            conversation.messages.create(role="user", content="more")
        Client().post("/api/projects/assistant/chat/", body, JSON, headers=headers)
        keyring.forget()
        with CaptureQueriesContext(connection) as captured:
            answer = Client().post("/api/projects/assistant/chat/", body, JSON, headers=headers)
        assert answer.status_code == 200
        asked.append(keys_asked_for(captured))
    assert asked[0] == asked[1] <= 4


def keys_asked_for(captured):
    return sum("portal_datakey" in query["sql"] for query in captured.captured_queries)


@pytest.mark.django_db
@pytest.mark.parametrize("token", [b"\0\0\0.abc", b"x\0y.z", b"\xff\xfe.\x00", b".", b"ring."])
def test_a_damaged_value_is_unreadable_and_nothing_else(talk, token):  # noqa: F811
    put(talk, "title", token)
    with pytest.raises(Unreadable):
        _ = stored(talk).title
    assert signed_in(talk.user).get("/playground/assistant/").status_code == 200


@pytest.mark.django_db
def test_a_damaged_data_key_is_unreadable_and_nothing_else(cast, talk):  # noqa: F811
    put(DataKey.objects.get(owner=keyring.person(cast.marco.pk)), "wrapped", b"")
    keyring.forget()
    with pytest.raises(Unreadable):
        _ = stored(talk).title


@pytest.mark.django_db
def test_an_opened_row_is_pickled_closed(talk):  # noqa: F811
    row = stored(talk)
    assert row.title == "canary title"
    found = pickle.dumps(row)
    assert b"canary title" not in found
    assert pickle.loads(found).title == "canary title"


@pytest.mark.django_db
def test_a_value_saved_after_a_renewal_is_under_the_new_key(cast, monkeypatch):
    """A row that was loaded before the rotation and saved after its last look."""
    cast.assistant.system_prompt = "canary prompt"
    cast.assistant.save()
    stale, before = stored(cast.assistant), raw(cast.assistant, "system_prompt")
    rotation.renew_data_keys()
    assert rotation.rotate_all().is_complete
    stale.name = "Other"
    stale.save()
    in_use = keyring.current(keyring.team(cast.research.pk)).uid.encode()
    after = raw(cast.assistant, "system_prompt")
    assert before.partition(b".")[0] != in_use
    assert after.partition(b".")[0] == in_use
    assert stored(cast.assistant).system_prompt == "canary prompt"
    assert rotation.rotate(dry_run=True).renewed == 0


@pytest.mark.django_db
def test_rotation_looks_again_until_nothing_is_left(cast, talk, monkeypatch):  # noqa: F811
    late = raw(talk, "title")  # sealed before, committed after the first look
    rotation.renew_data_keys()
    rotate, passes = rotation.rotate, []

    def beside_a_late_commit(**options):
        found = rotate(**options)
        passes.append(found.renewed)
        if len(passes) == 1:
            put(talk, "title", late)
        return found

    monkeypatch.setattr(rotation, "rotate", beside_a_late_commit)
    progress = rotation.rotate_all()
    assert passes[0] > 1
    assert passes[1:] == [1, 0]
    assert (progress.renewed, progress.is_complete) == (sum(passes), True)
    assert raw(talk, "title") != late


@pytest.mark.django_db
def test_rotation_says_so_where_somebody_goes_on_writing_under_old_keys(cast, talk, monkeypatch):  # noqa: F811
    from django.core.management import CommandError, call_command

    monkeypatch.setattr(keys_in_use, "LIFETIME", 0.0)
    late, rotate, passes = raw(talk, "title"), rotation.rotate, []

    def beside_an_old_process(**options):
        found = rotate(**options)
        passes.append(found.renewed)
        put(talk, "title", late)
        return found

    monkeypatch.setattr(rotation, "rotate", beside_an_old_process)
    with pytest.raises(CommandError, match="still writes under old keys"):
        call_command("rotate_encryption", data_keys=True, verbosity=0)
    assert len(passes) == rotation.PASSES


def visitors_ask(cast, count):
    widget = Widget.objects.create(
        project=cast.helpdesk, name="w", allowed_domains=["shop.example"]
    )
    headers = {"Origin": "https://shop.example"}
    for _ in range(count):
        begun = Client().post(
            "/widget/v1/session", {"key": widget.public_id}, JSON, headers=headers
        )
        bearer = {"Authorization": f"Bearer {begun.json()['token']}"}
        said = Client().post(
            "/widget/v1/chat", {"message": "say: hi"}, JSON, headers=headers | bearer
        )
        assert b'"text": "hi"' in b"".join(said.streaming_content)


@pytest.mark.django_db
def test_a_visitor_of_whom_nothing_is_kept_has_no_key(cast):
    Project.objects.filter(pk=cast.helpdesk.pk).update(log_content=False)
    visitors_ask(cast, 2)
    assert Exchange.objects.filter(door="widget", outcome="answered").count() == 2
    assert not DataKey.objects.of_visitors().exists()


@pytest.mark.django_db
def test_a_visitors_key_goes_with_what_was_kept(cast):
    visitors_ask(cast, 2)
    keys = DataKey.objects.of_visitors()
    assert keys.count() == 2
    apply_retention()
    assert keys.count() == 2
    long_ago = timezone.now() - timedelta(hours=27)
    keys.update(created_at=long_ago)
    Exchange.objects.update(created_at=long_ago)
    others = DataKey.objects.count() - 2
    DataKey.objects.update(created_at=long_ago)
    apply_retention()
    assert keys.count() == 0
    assert DataKey.objects.count() == others
