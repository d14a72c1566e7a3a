"""The sealer is killed outright at random lines of its code and in the middle of what it writes, again and again, while others write."""

import json
import os
import random
import subprocess
import threading
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from audit import checkpoint_file, sealing, verifier
from audit.models import Checkpoint, Entry
from audit.trail import record
from tests import second_process

KILLED = 200
NURSERY = """
import os, random, signal
from audit import checkpoint_file, sealing
sealing.MOST = 3
chance = random.Random(7)
die = lambda: os.kill(os.getpid(), signal.SIGKILL)

def seal_until_killed(left, is_torn):
    write = os.write
    def torn(handle, data):
        write(handle, data[:chance.randrange(len(data) + 1)])
        die()
    if is_torn:
        checkpoint_file.os = type("os", (), vars(os) | {"write": staticmethod(torn)})
    def count(frame, event, argument):
        nonlocal left
        if "/audit/" not in frame.f_code.co_filename:
            return None
        left -= 1
        if not left:
            die()
        return count
    sys.settrace(count)
    while True:
        sealing.seal()

print("ready", flush=True)
for turn in range(int(sys.argv[2])):
    left = chance.randrange(1, 900)
    child = os.fork()
    if child == 0:
        seal_until_killed(left, turn % 4 == 0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


@contextmanager
def writers(count):
    """Threads that write entries in transactions of their own, some of which are rolled back; yields the committed labels."""
    stop, committed, failures = threading.Event(), [], []

    def write(number):
        chance = random.Random(number)
        try:
            turn = 0
            while not stop.is_set():
                labels = [f"{number}-{turn}-{one}" for one in range(chance.randrange(1, 4))]
                with transaction.atomic():
                    for label in labels:
                        record(action="exported", target_label=label)
                        stop.wait(chance.uniform(0, 0.005))
                    is_lost = chance.random() < 0.2
                    transaction.set_rollback(is_lost)
                if not is_lost:
                    committed.extend(labels)
                turn += 1
                stop.wait(0.01)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    crowd = [threading.Thread(target=write, args=[number]) for number in range(count)]
    for one in crowd:
        one.start()
    try:
        yield committed
    finally:
        stop.set()
        for one in crowd:
            one.join()
    assert not failures


def whole_lines(text):
    """The file's lines without what crashes left of them."""
    found, torn = [], []
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError:
            torn.append(line)
            continue
        assert all(line.startswith(part) for part in torn)
        torn = []
        found.append(line)
    assert not torn
    return found


@pytest.mark.django_db(transaction=True)
def test_killed_two_hundred_times_it_loses_nothing_and_seals_nothing_twice(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    environment = os.environ | {"PORTAL_AUDIT_CHECKPOINT_FILE": settings.AUDIT_CHECKPOINT_FILE}
    command = second_process.command(NURSERY, str(KILLED))
    with writers(3) as committed:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "ready\n"), done.stderr
    sealing.seal()
    lines = list(Checkpoint.objects.order_by("number").values_list("line", flat=True))
    said = [json.loads(line) for line in lines]
    assert [one["number"] for one in said] == list(range(1, len(said) + 1))
    for before, after in zip(lines, said[1:], strict=False):
        assert after["previous"] == verifier.previous_of(before)
    sealed = [one for line in said for one in verifier.ids_of(line["ids"])]
    entries = dict(Entry.objects.values_list("id", "target_label"))
    assert sorted(sealed) == sorted(entries)
    assert sorted(entries.values()) == sorted(committed)
    assert whole_lines(checkpoint_file.path().read_text()) == lines
    assert len(lines) > KILLED / 10
