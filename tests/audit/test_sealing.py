"""Checkpoints: what they seal, that late entries come into the next, that the file follows, and that nothing forks."""

import base64
import json
import threading
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, transaction

from audit import checkpoint_file, sealing, signing, stored, verifier
from audit.models import Checkpoint, Entry
from audit.tasks import seal as task
from audit.trail import record
from audit.verifying import verify

SEEDS = [base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8)]


@pytest.fixture(autouse=True)
def _sealed_apart(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "apart" / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]


def write(count, action="exported"):
    for _ in range(count):
        record(action=action)
    return list(Entry.objects.order_by("-id").values_list("id", flat=True)[:count])[::-1]


def said():
    return [
        json.loads(line)
        for line in Checkpoint.objects.order_by("number").values_list("line", flat=True)
    ]


def ids_of(line):
    return list(verifier.ids_of(line["ids"]))


def signature_holds(line):
    body = json.loads(line)
    signature = base64.b64decode(body.pop("signature"))
    key = signing.key_named(body["key"])
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key.public_key().verify(signature, verifier.SIGNED + text.encode())
    return True


@pytest.mark.django_db
def test_it_seals_all_there_is_in_a_signed_chain_that_the_file_repeats():
    first = write(3)
    assert sealing.seal() == 3
    second = write(2)
    assert sealing.seal() == 2
    one, two = said()
    assert (ids_of(one), ids_of(two)) == (first, second)
    assert (one["number"], one["previous"], one["to"]) == (1, "", first[-1])
    lines = list(Checkpoint.objects.order_by("number").values_list("line", flat=True))
    assert two["previous"] == verifier.previous_of(lines[0])
    assert all(map(signature_holds, lines))
    assert checkpoint_file.path().read_text().splitlines() == lines
    rows = stored.among(two["ids"], limit=10)
    leaves = [verifier.leaf(one) for one in verifier.canonicals(rows)]
    assert two["root"] == verifier.root(leaves).hex()
    assert base64.b64decode(two["leaves"]) == b"".join(one[:8] for one in leaves)


@pytest.mark.django_db
def test_without_anything_new_there_is_no_checkpoint():
    assert sealing.seal() == 0
    write(1)
    assert (sealing.seal(), sealing.seal(), task()) == (1, 0, 0)
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_a_checkpoint_is_never_larger_than_its_most(monkeypatch):
    monkeypatch.setattr(sealing, "MOST", 4)
    ids = write(10)
    assert sealing.seal() == 10
    assert [line["count"] for line in said()] == [4, 4, 2]
    assert [one for line in said() for one in ids_of(line)] == ids


@pytest.mark.django_db
def test_what_is_hashed_is_what_is_stored():
    """Times without a fraction, texts that JSON escapes, nothing where nothing is, and what the ORM reads of all that."""
    record(
        action="exported",
        target_label='a "quote"\n]\n[ and \u2028 ü 𝄞 \x7f \x01',
        changes={"name": ["", "]\n["]},
        status=409,
    )
    entry = Entry.objects.get()
    (row,) = stored.after(0, limit=5)
    values = dict(zip(verifier.FIELDS, row, strict=True))
    assert values["created_at"] == entry.created_at.isoformat(timespec="microseconds")
    assert json.loads(values["changes"]) == entry.changes
    assert (values["target_label"], values["outcome"], values["team_id"]) == (
        entry.target_label,
        "refused",
        None,
    )
    text = "\n".join(json.dumps(value, ensure_ascii=False) for value in row)
    assert verifier.canonicals([row, row]) == [text.encode()] * 2


@pytest.mark.django_db
def test_a_time_without_a_fraction_is_written_as_one_with(monkeypatch):
    Entry.objects.bulk_create(
        [
            Entry(
                action="exported",
                actor_kind="system",
                created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            )
        ]
    )
    (row,) = stored.after(0, limit=1)
    assert row[1] == "2026-01-02T03:04:05.000000+00:00"


@pytest.mark.django_db
def test_what_a_crash_left_of_a_line_stays_and_the_whole_line_follows():
    write(1)
    sealing.seal()
    path = checkpoint_file.path()
    whole = path.read_bytes()
    write(1)
    sealing.seal()
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:25])
    assert sealing.seal() == 0
    assert path.read_bytes() == whole + line[:25] + b"\n" + line
    path.write_bytes(whole + line[:-1])
    write(1)
    sealing.seal()
    assert path.read_bytes().startswith(whole + line)
    path.unlink()
    sealing.seal()
    assert path.read_text().splitlines() == list(
        Checkpoint.objects.order_by("number").values_list("line", flat=True)
    )


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["ahead", "different"])
def test_where_the_file_tells_another_story_nothing_is_sealed(what, caplog):
    write(1)
    sealing.seal()
    path = checkpoint_file.path()
    line = path.read_text()
    other = {
        "ahead": line.replace('"number":1', '"number":2'),
        "different": line.replace('"count":1', '"count":2'),
    }
    path.write_text(line + other[what] if what == "ahead" else other[what])
    write(1)
    with pytest.raises(checkpoint_file.OutOfStep):
        task()
    assert "the trail is not sealed" in caplog.text
    with pytest.raises(Exception, match="The trail is not sealed"):
        call_command("seal_audit")
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_a_new_key_takes_over_with_the_old_ones_signature(settings):
    write(1)
    sealing.seal()
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1], SEEDS[0]]
    write(1)
    assert sealing.seal() == 1
    old, hand_over, new = said()
    assert hand_over["key"] == old["key"] != new["key"]
    assert (hand_over["count"], hand_over["next_key"]) == (
        0,
        signing.public_text(signing.keys()[0]),
    )
    assert all(map(signature_holds, Checkpoint.objects.values_list("line", flat=True)))
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1]]
    write(1)
    assert sealing.seal() == 1
    assert said()[-1]["key"] == new["key"]


@pytest.mark.django_db
def test_a_prune_is_a_signed_line_of_its_own():
    write(2)
    sealing.seal()
    made = sealing.seal_prune(ranges=[[1, 1]], archive={"file": "one.jsonl.gz", "sha256": "0" * 64})
    line = json.loads(made.line)
    assert (made.number, line["pruned"], line["count"], line["root"]) == (2, [[1, 1]], 0, "")
    assert signature_holds(made.line)
    assert checkpoint_file.path().read_text().splitlines()[-1] == made.line


@pytest.mark.django_db
def test_without_a_key_nothing_is_sealed_and_everybody_hears_of_it(settings):
    write(1)
    settings.AUDIT_SIGNING_KEYS = []
    with pytest.raises(sealing.NoKey):
        sealing.seal()
    settings.AUDIT_SIGNING_KEYS = ["short"]
    with pytest.raises(ImproperlyConfigured):
        sealing.seal()
    assert not Checkpoint.objects.exists()


def test_urlsafe_base64_is_the_same_key(settings):
    seed = bytes(range(224, 256))
    settings.AUDIT_SIGNING_KEYS = [
        base64.urlsafe_b64encode(seed).decode(),
        base64.b64encode(seed).decode(),
    ]
    one, two = signing.keys()
    assert (
        signing.id_of(one)
        == signing.id_of(two)
        == signing.id_of(Ed25519PrivateKey.from_private_bytes(seed))
    )


@pytest.mark.django_db
def test_the_command_says_what_it_did(capsys):
    write(2)
    call_command("seal_audit")
    assert capsys.readouterr().out == "2 entries sealed; the newest checkpoint is 1\n"


class Writer(threading.Thread):
    """Writes one entry in a transaction that stays open until it is told."""

    def __init__(self):
        super().__init__(daemon=True)
        self.wrote, self.may_end, self.commits = threading.Event(), threading.Event(), True

    def run(self):
        try:
            with transaction.atomic():
                record(action="late")
                self.wrote.set()
                self.may_end.wait(20)
                transaction.set_rollback(not self.commits)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("commits", [True, False])
def test_an_entry_that_commits_late_is_in_the_next_checkpoint_and_its_place_is_kept(commits):
    if connection.vendor != "postgresql":
        return  # one writes at a time: no id is ever taken by a transaction that is still running
    writer = Writer()
    writer.commits = commits
    writer.start()
    assert writer.wrote.wait(20)
    (early,) = write(1)
    assert sealing.seal() == 1
    late = early - 1
    assert late in verifier.ids_of(said()[-1]["pending"])
    write(1)
    assert sealing.seal() == 1
    assert late in verifier.ids_of(said()[-1]["pending"])
    writer.may_end.set()
    writer.join()
    if commits:
        assert sealing.seal() == 1
        assert ids_of(said()[-1]) == [late]
    write(1)
    sealing.seal()
    assert late not in verifier.ids_of(said()[-1]["pending"])


@pytest.mark.django_db(transaction=True)
def test_who_only_reads_the_trail_keeps_no_place_open():
    if connection.vendor != "postgresql":
        return  # one writes at a time: no place is ever open
    reads, may_end = threading.Event(), threading.Event()

    def read():
        with transaction.atomic():
            Entry.objects.count()
            reads.set()
            may_end.wait(20)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    assert reads.wait(20)
    with suppress(ZeroDivisionError), transaction.atomic():
        write(1)
        raise ZeroDivisionError
    write(1)
    assert sealing.seal() == 1
    assert said()[-1]["pending"]  # who was writing is known only afterwards
    write(1)
    assert sealing.seal() == 1
    assert said()[-1]["pending"] == []
    may_end.set()
    reader.join()


@pytest.mark.django_db(transaction=True)
def test_many_sealers_at_once_make_one_chain():
    ids = write(40)
    failures = []

    def seal():
        try:
            sealing.seal()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    crowd = [threading.Thread(target=seal) for _ in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert not failures
    sealing.seal()
    lines = said()
    assert sorted(one for line in lines for one in ids_of(line)) == ids
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert checkpoint_file.path().read_text().splitlines() == list(
        Checkpoint.objects.order_by("number").values_list("line", flat=True)
    )


@pytest.mark.django_db
def test_an_id_far_above_what_was_given_out_is_not_sealed_and_keeps_nobody_out():
    """Else all later entries would stand where nothing may come any more."""
    if connection.vendor != "postgresql":
        return  # the next id is always above the highest
    (first,) = write(1)
    far = first + 10**9
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_entry SELECT (jsonb_populate_record(e, jsonb_build_object('id', %s))).* "
            "FROM audit_entry e WHERE id = %s",
            [far, first],
        )
    (second,) = write(2)[:1]
    assert sealing.seal() == 3
    assert far not in [one for line in said() for one in ids_of(line)]
    assert said()[-1]["to"] < far
    with pytest.raises(verifier.Problem) as found:
        verify(path=checkpoint_file.path())
    assert (found.value.kind, found.value.entry) == ("inserted", far)
    assert second < far
