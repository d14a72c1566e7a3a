"""Eight write at full speed while others seal, verify and prune: nothing is lost, nothing sealed twice, no false alarm."""

import gzip
import json
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit import checkpoint_file, pruning, sealing, verifier
from audit.models import Checkpoint, Entry
from audit.trail import record
from audit.verifying import verify
from portal import retention
from portal.tenancy import EVERYTHING, tenant

WRITERS = 8
TURNS = 60


class Worker(threading.Thread):
    """Does something again and again, and keeps what it raised."""

    def __init__(self, deed, *, turns=None):
        super().__init__(daemon=True)
        self.deed, self.turns, self.done = deed, turns, 0
        self.failure, self.is_over = None, threading.Event()

    def run(self):
        try:
            while not self.is_over.is_set() and self.done != self.turns:
                self.deed(self.done)
                self.done += 1
        except Exception as error:
            self.failure = error
        finally:
            connection.close()


def writing(number, committed):
    def write(turn):
        labels = [f"{number}-{turn}-{one}" for one in range(turn % 4 + 1)]
        with transaction.atomic():
            for label in labels:
                record(action="exported", target_label=label)
            is_lost = turn % 7 == 3
            transaction.set_rollback(is_lost)
        if not is_lost:
            committed.extend(labels)

    return write


def archived_entries(directory):
    for path in directory.glob("archive/*.gz"):
        with gzip.open(path, "rt") as lines:
            yield from (said["entry"] for said in map(json.loads, lines) if "entry" in said)


@pytest.mark.django_db(transaction=True)
def test_writers_sealing_verification_and_pruning_do_not_disturb_each_other(
    settings, tmp_path, monkeypatch
):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archive")
    monkeypatch.setattr(sealing, "MOST", 40)
    monkeypatch.setattr(pruning, "_cutoff", lambda now: timezone.now())
    committed: list[str] = []
    pruned = []

    def prune(turn, seconds=0.5):
        pruned.append(retention.apply(seconds=seconds)["audit"])

    def check(turn):
        with tenant(EVERYTHING):
            verify(path=checkpoint_file.path())

    others = [Worker(lambda turn: sealing.seal()), Worker(check), Worker(prune)]
    crowd = [Worker(writing(number, committed), turns=TURNS) for number in range(WRITERS)]
    for one in crowd + others:
        one.start()
    for one in crowd:
        one.join()
    for one in others:
        one.is_over.set()
        one.join()
    assert [one.failure for one in crowd + others if one.failure] == []
    assert all(one.done for one in others)
    sealing.seal()
    prune(0, seconds=60)  # also where the machine was too busy for one beside the writers
    sealing.seal()  # that pruning left an entry of its own
    with tenant(EVERYTHING):
        verify(path=checkpoint_file.path())
        lines = [
            json.loads(line)
            for line in Checkpoint.objects.order_by("number").values_list("line", flat=True)
        ]
        left = list(Entry.objects.values_list("id", "target_label"))
    sealed = [one for line in lines for one in verifier.ids_of(line["ids"])]
    archived = [(entry["id"], entry["target_label"]) for entry in archived_entries(tmp_path)]
    assert sum(run.removed for run in pruned) > 0
    assert sorted(sealed) == sorted({*dict(left), *dict(archived)})
    labels = [label for _id, label in {*left, *archived} if label]
    assert sorted(labels) == sorted(committed)
