"""Pruning of the trail: whole checkpoints, archived and said in a signed line first; whatever stops it, it goes on."""

import gzip
import json
import os
import signal
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import archive, checkpoint_file, pruning, sealing, signing, verifier
from audit.models import Checkpoint, Entry, PrunedRange
from audit.sealed import not_pruned, unfinished
from audit.trail import record
from audit.verifying import verify
from portal import retention
from portal.models import RetentionRun
from portal.retention import apply, due
from portal.tenancy import EVERYTHING, tenant
from teams.models import LegalHold
from tests.audit.test_sealing import SEEDS, said


@pytest.fixture(autouse=True)
def _apart(settings, tmp_path, monkeypatch):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]
    settings.AUDIT_ARCHIVE_DIR = ""
    settings.AUDIT_DAYS = 31
    monkeypatch.setattr(retention, "LEAST_PAUSE", 0)


@pytest.fixture
def archived(settings, tmp_path):
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archive")
    return tmp_path / "archive"


def sealed_at(monkeypatch, days, *counts, **values):
    """Checkpoints of so many entries each, made so many days ago."""
    moment = timezone.now() - timedelta(days=days)
    with monkeypatch.context() as then:
        then.setattr(timezone, "now", lambda: moment)
        for count in counts:
            for _ in range(count):
                record(action="exported", **values)
            sealing.seal()


def numbers():
    return list(Checkpoint.objects.order_by("number").values_list("number", flat=True))


def kept():
    return list(Entry.objects.filter(action="exported").order_by("pk").values_list("pk", flat=True))


def ids_of(number):
    return [one for begin, end in said()[number - 1]["ids"] for one in range(begin, end + 1)]


@pytest.mark.django_db
def test_whole_checkpoints_go_once_they_are_older_and_a_signed_line_says_so(monkeypatch):
    sealed_at(monkeypatch, 40, 3, 2)
    sealed_at(monkeypatch, 30, 2)
    record(action="exported")
    young = ids_of(3) + [Entry.objects.latest("pk").pk]
    assert due()["audit"].total == 5
    run = apply()["audit"]
    assert (run.state, run.removed) == ("done", 5)
    assert kept() == young
    assert said()[3]["pruned"] == [[1, 2]]
    assert numbers() == [1, 2, 3, 4]  # the chain stays
    assert apply()["audit"].removed == 0
    assert (due()["audit"].total, len(numbers())) == (0, 4)


@pytest.mark.django_db
def test_what_went_is_counted_by_team_and_in_the_trail(cast, monkeypatch):
    sealed_at(monkeypatch, 40, 3, team_id=cast.research.pk)
    before = Entry.objects.filter(team_id=cast.research.pk).count()
    run = apply()["audit"]
    assert run.by_team[str(cast.research.pk)] == before
    entry = Entry.objects.filter(action="retention_applied").get(changes__contains="audit")
    assert entry.changes["removed"] == [0, run.removed]
    assert entry.changes["kind"] == [None, "audit"]


@pytest.mark.django_db
def test_an_archive_is_whole_before_anything_goes(monkeypatch, archived):
    sealed_at(monkeypatch, 40, 3, 2)
    rows = {row["id"]: row for row in Entry.objects.values()}
    apply()
    assert kept() == []
    line = said()[-1]
    (file,) = archived.iterdir()
    assert line["archive"] == {"file": file.name, "sha256": archive.digest(file)}
    header, *lines = map(json.loads, gzip.decompress(file.read_bytes()).splitlines())
    assert header["archive"] == [1, 2]
    assert [one["checkpoint"] for one in lines if "checkpoint" in one] == list(
        Checkpoint.objects.filter(number__lte=2).order_by("number").values_list("line", flat=True)
    )
    entries = [one["entry"] for one in lines if "entry" in one]
    assert [one["id"] for one in entries] == sorted(rows)
    alone = ["--export", str(file), "--checkpoints", str(checkpoint_file.path())]
    alone += ["--public-key", signing.public_text(signing.keys()[0])]
    assert verifier.main(alone) == 0
    file.write_bytes(
        gzip.compress(gzip.decompress(file.read_bytes()).replace(b"exported", b"imported"))
    )
    assert verifier.main(alone) == 1


@pytest.mark.django_db
def test_who_copied_the_file_before_sees_that_what_is_gone_was_pruned(monkeypatch, tmp_path):
    sealed_at(monkeypatch, 40, 3, 2)
    sealed_at(monkeypatch, 1, 2)
    copied, exported = tmp_path / "copied.jsonl", tmp_path / "trail.jsonl.gz"
    copied.write_bytes(checkpoint_file.path().read_bytes())
    apply()
    sealing.seal()
    call_command("export_audit", "--output", str(exported))
    alone = ["--export", str(exported), "--checkpoints", str(copied)]
    alone += ["--public-key", signing.public_text(signing.keys()[0])]
    assert verifier.main(alone) == 0
    assert verifier.main([*alone, "--until", "2"]) == 0
    lines = gzip.decompress(exported.read_bytes()).splitlines(keepends=True)
    unsigned = [line.replace(b'\\"pruned\\":[[1,2]]', b'\\"pruned\\":[[1,3]]') for line in lines]
    assert unsigned != lines
    exported.write_bytes(gzip.compress(b"".join(unsigned)))
    assert verifier.main(alone) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("broken", ["the directory", "the file", "the disk"])
def test_without_its_archive_nothing_goes(monkeypatch, archived, broken):
    sealed_at(monkeypatch, 40, 3)
    if broken == "the directory":
        archived.write_text("a file")
    elif broken == "the file":
        monkeypatch.setattr(archive, "_header", lambda chosen: b'{"format":"x"}\n')
    else:
        monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("full")))
    run = apply()["audit"]
    assert (run.state, run.removed, len(kept())) == ("stopped", 0, 3)
    assert run.note
    assert not any("pruned" in line for line in said())


@pytest.mark.django_db
def test_where_the_archive_is_gone_meanwhile_the_rest_stays(monkeypatch, archived):
    sealed_at(monkeypatch, 40, 3)
    list(pruning._announced(next(pruning._windows(timezone.now(), None))))
    (file,) = archived.iterdir()
    file.unlink()
    assert apply()["audit"].state == "stopped"
    assert len(kept()) == 3


@pytest.mark.django_db
def test_a_checkpoint_that_does_not_verify_is_not_pruned(monkeypatch):
    sealed_at(monkeypatch, 40, 2, 2)
    monkeypatch.setattr(pruning, "fits", lambda said, rows: said["number"] != 2)
    run = apply()["audit"]
    assert (run.state, len(kept())) == ("stopped", 4)
    assert "Checkpoint 2 does not verify" in run.note


@pytest.mark.django_db
def test_what_is_not_forwarded_yet_stays(monkeypatch):
    sealed_at(monkeypatch, 40, 2, 2)
    monkeypatch.setattr(pruning, "forwarded_up_to", lambda: ids_of(2)[-1] - 1)
    apply()
    assert kept() == ids_of(2)


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["team", "actor", "subject"])
def test_a_checkpoint_with_an_entry_that_is_held_stays_whole(cast, monkeypatch, whose):
    sealing.seal()  # what made the cast is of today
    values = {"team_id": cast.research.pk} if whose == "team" else {}
    start = Checkpoint.objects.count()
    sealed_at(monkeypatch, 40, 2)
    if whose == "team":
        sealed_at(monkeypatch, 40, 1, **values)
    else:
        column = {"actor": "actor_user_id", "subject": "subject_id"}[whose]
        moment = timezone.now() - timedelta(days=40)
        Entry.objects.bulk_create(
            [Entry(action="exported", actor_kind="user", **{column: cast.marco.pk})]
        )
        with monkeypatch.context() as then:
            then.setattr(timezone, "now", lambda: moment)
            sealing.seal()
    sealed_at(monkeypatch, 40, 2)
    whom = {"held_team": cast.research} if whose == "team" else {"held_person": cast.marco}
    hold = LegalHold.objects.create(reason="A court asked", **whom)
    monkeypatch.setattr(pruning, "not_pruned", lambda: [(start + 1, None)])
    assert (due()["audit"].total, due()["audit"].held_total) == (4, 1)
    apply()
    assert kept() == ids_of(start + 2)
    assert said()[-1]["pruned"] == [[start + 1, start + 1], [start + 3, start + 3]]
    hold.delete()
    monkeypatch.setattr(pruning, "not_pruned", lambda: [(start + 2, start + 2)])
    apply()
    assert kept() == []


@pytest.mark.django_db
def test_a_hold_that_comes_after_the_line_is_kept_too(cast, monkeypatch):
    sealing.seal()
    sealed_at(monkeypatch, 40, 2, team_id=cast.research.pk)
    number = Checkpoint.objects.count()
    sealing.seal_prune(ranges=[[number, number]])
    hold = LegalHold.objects.create(reason="A court asked", held_team=cast.research)
    apply()
    assert len(kept()) == 2
    assert unfinished()
    hold.delete()
    apply()
    assert kept() == []
    assert not unfinished()


@pytest.mark.django_db
def test_a_late_entry_between_those_of_a_checkpoint_stays(monkeypatch):
    """Each range that is opened holds ids of its checkpoint alone."""
    sealed_at(monkeypatch, 40, 5)
    line = Checkpoint.objects.get()
    ids = ids_of(1)
    monkeypatch.setattr(
        pruning.Sealed, "ids", property(lambda one: [[ids[0], ids[1]], [ids[3], ids[4]]])
    )
    monkeypatch.setattr(pruning, "fits", lambda *_: True)
    assert line.count == 5
    apply()
    assert kept() == [ids[2]]


def delete(first, last):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry WHERE id BETWEEN %s AND %s", [first, last])


@transaction.atomic
def together(deeds):
    for deed in deeds:
        deed()


def refused(*deeds):
    with pytest.raises(DatabaseError, match=r"append-only|signed line"):
        together(deeds)
    return True


@pytest.mark.django_db(transaction=True)
def test_the_database_lets_entries_go_in_a_range_of_the_same_transaction_only(monkeypatch):
    sealed_at(monkeypatch, 40, 4)
    ids = ids_of(1)

    def opens(first, last, checkpoint=2):
        return lambda: PrunedRange.objects.create(
            checkpoint=checkpoint, first_id=first, last_id=last
        )

    assert refused(opens(ids[0], ids[0]))  # no line says so
    assert refused(opens(ids[0], ids[0], 1))  # nor does this one
    sealing.seal_prune(ranges=[[1, 1]])
    assert refused(lambda: delete(ids[0], ids[0]))
    assert refused(opens(ids[1], ids[2]), lambda: delete(ids[0], ids[0]))
    opens(ids[0], ids[1])()
    opens(0, -1)()  # closes it where transactions have no number
    assert refused(lambda: delete(ids[0], ids[0]))
    with transaction.atomic():
        opens(ids[0], ids[1])()
        delete(ids[0], ids[1])
    assert kept() == ids[2:]
    row = PrunedRange.objects.first()
    for deed in (row.delete, lambda: PrunedRange.objects.update(last_id=ids[3])):
        assert refused(deed)


@pytest.mark.django_db
def test_what_is_gone_without_being_in_the_signed_line_is_found(monkeypatch):
    """The database lets it go to whoever opens a range; the seals do not."""
    sealed_at(monkeypatch, 40, 2, 2)
    first, second = ids_of(1), ids_of(2)
    apply()
    verify(path=checkpoint_file.path())
    record(action="exported")
    sealing.seal()
    (young,) = [one for one in ids_of(4) if Entry.objects.get(pk=one).action == "exported"]
    with transaction.atomic():
        PrunedRange.objects.create(checkpoint=3, first_id=young, last_id=young)
        delete(young, young)
    with pytest.raises(verifier.Problem) as found:
        verify(path=checkpoint_file.path())
    assert found.value.entry == young
    assert not Entry.objects.filter(pk__in=first + second).exists()


@pytest.mark.django_db
def test_nobody_chooses_the_transaction_of_a_range(monkeypatch):
    if connection.vendor != "postgresql":
        return
    sealed_at(monkeypatch, 40, 1)
    sealing.seal_prune(ranges=[[1, 1]])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_prune (checkpoint, first_id, last_id, created_at, xact) "
            "VALUES (2, 1, 99, now(), '99999999') RETURNING xact = pg_current_xact_id()"
        )
        assert cursor.fetchone() == (True,)


# Kill -9 at each step: a child process prunes and kills itself at its n-th transaction or file operation.


def steps(monkeypatch, after):
    """Counts what happens, and kills the process at the step of this number."""
    seen = [0]

    def counted(module, name):
        inner = getattr(module, name)

        def step(*args, **kwargs):
            seen[0] += 1
            if seen[0] == after:
                os.kill(os.getpid(), signal.SIGKILL)
            return inner(*args, **kwargs)

        monkeypatch.setattr(module, name, step)

    for module, name in (
        (archive, "_lines"),
        (archive, "_groups"),
        (archive, "_sync"),
        (sealing, "_checkpoint"),
        (checkpoint_file, "publish"),
        (pruning, "_delete_batch"),
        (pruning, "settled"),
        (retention._Counting, "__call__"),
        (retention, "_end"),
    ):
        counted(module, name)


def in_a_child(deed):
    """Runs in a process of its own, with connections of its own; returns its exit status."""
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            deed()
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    return status


@pytest.mark.django_db(transaction=True)
def test_killed_at_any_step_it_goes_on_and_loses_and_doubles_nothing(monkeypatch, archived):
    monkeypatch.setattr(pruning, "BATCH", 2)
    sealed_at(monkeypatch, 40, 3, 3)
    with tenant(EVERYTHING):
        total = len(kept())
    killed = 0
    for number in range(1, 60):

        def deed(number=number):
            with monkeypatch.context() as here:
                steps(here, number)
                apply()

        status = in_a_child(deed)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        killed += 1
        holds_together()
    assert killed > 5
    RetentionRun.objects.filter(ended_at=None).update(
        touched_at=timezone.now() - timedelta(hours=1)
    )
    apply()
    holds_together()
    with tenant(EVERYTHING):
        assert kept() == []
        assert not unfinished()
        assert not_pruned()[0][0] > 2
        runs = RetentionRun.objects.filter(kind="audit")
        assert sum(runs.values_list("removed", flat=True)) == total
        entries = Entry.objects.filter(action="retention_applied", changes__contains="audit")
        assert sum(entry.changes["removed"][1] for entry in entries) == total


def holds_together():
    """The trail verifies; what is gone is in a signed line that names its archive, and the archive is there."""
    with tenant(EVERYTHING):
        verify(path=checkpoint_file.path())
    with tenant(EVERYTHING):
        lines, there = said(), set(kept())
    pruned = {n for line in lines for a, b in line.get("pruned", []) for n in range(a, b + 1)}
    for line in lines[:2]:
        if not set(ids_of(line["number"])) <= there:
            assert line["number"] in pruned
    for line in lines:
        if "pruned" in line:
            archive.require(line["archive"])
