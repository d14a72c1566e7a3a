"""Verification while others write, roll back, seal and prune: no false alarm, and nobody waits for it."""

import threading

import pytest
from django.db import connection, transaction

from audit import checkpoint_file, sealed, sealing, verifying, walking
from audit.models import Entry
from audit.trail import record
from portal.errors import Refusal
from tests.audit.tampering import SEEDS

MOST = 30  # turns: each may be another checkpoint
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _apart(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]


class Beside(threading.Thread):
    """Does something in a connection of its own until it is told to stop; `join` raises what went wrong."""

    def __init__(self, deed):
        super().__init__(daemon=True)
        self.deed, self.error, self.times, self.stop = deed, None, 0, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stop.is_set() and self.times < MOST:
                self.deed(self.times)
                self.times += 1
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def end(self):
        self.stop.set()
        self.join(60)
        assert self.error is None


def write(turn):
    with transaction.atomic():
        record(action="exported", target_label=str(turn))
        record(action="exported", target_label=str(turn))
        transaction.set_rollback(turn % 3 == 2)


def test_writers_a_sealer_and_the_verifier_work_side_by_side():
    record(action="first")
    sealing.seal()
    others = [Beside(write), Beside(write), Beside(lambda turn: sealing.seal())]
    found = [verifying.verify(path=checkpoint_file.path()) for _ in range(4)]
    while min(one.times for one in others) < 3 and not any(one.error for one in others):
        found.append(verifying.verify(path=checkpoint_file.path()))
    for one in others:
        one.end()
    sealing.seal()
    last = verifying.verify(path=checkpoint_file.path())
    assert (
        last.entries
        == Entry.objects.count()
        == 1 + 2 * sum(one.times - one.times // 3 for one in others[:2])
    )
    assert [one.entries for one in found] == sorted(one.entries for one in found)


def test_what_is_sealed_or_pruned_after_the_first_look_is_none_of_it(monkeypatch):
    """Between the checkpoints and the entries somebody seals and prunes; the view stays the one of the beginning."""
    for _ in range(3):
        record(action="exported")
        sealing.seal()
    walk, done = walking.walk, []

    def meanwhile(lines):
        def deed(turn):
            if not done:
                record(action="exported")
                sealing.seal()
                made = sealing.seal_prune(ranges=[[1, 2]])
                assert [one.number for one in sealed.prunes()] == [made.number]
                done.append(made.number)

        other = Beside(deed)
        while not done and other.error is None:
            other.join(0.01)
        other.end()
        yield from walk(lines)

    monkeypatch.setattr(verifying, "walk", meanwhile)
    found = verifying.verify(path=checkpoint_file.path())
    assert (found.entries, found.checkpoints, done) == (3, 3, [5])
    monkeypatch.undo()
    assert verifying.verify(path=checkpoint_file.path()).checkpoints == 5


def test_nobody_can_write_through_the_view_on_postgresql():
    with walking.snapshot():
        if connection.vendor == "postgresql":
            with pytest.raises(Refusal, match="audit_unavailable"), transaction.atomic():
                record(action="exported")
    record(action="exported")
    assert Entry.objects.count() == 1
