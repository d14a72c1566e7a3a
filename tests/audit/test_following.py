"""The cursor skips no entry that commits late, sends no batch by two workers at once, and survives a killed one."""

import random
import subprocess
import threading
from ipaddress import ip_network

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.forwarding import following, turns
from audit.forwarding.following import Place
from audit.forwarding.progress import forwarded_up_to
from audit.models import Destination, Entry, Forwarding
from audit.trail import record
from portal.tenancy import POSTGRESQL
from tests import second_process
from tests.audit.receivers import SyslogReceiver
from tests.audit.test_syslog import tls
from tests.certificates import Authority

WRITERS, EACH = 8, 40


def ids():
    return list(Entry.objects.order_by("id").values_list("id", flat=True))


def write(count=1):
    for _ in range(count):
        record(action="exported")
    return ids()[-count:]


def undone():
    """An id that is never used."""
    with transaction.atomic():
        record(action="undone")
        transaction.set_rollback(True)


def in_thread(deed):
    """Runs it with a connection of its own."""

    def run():
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Reader:
    """Follows, and keeps what it got."""

    def __init__(self, most=500):
        self.place, self.got, self.most = Place(0), [], most

    def read(self):
        while True:
            step = following.step(self.place, most=self.most)
            self.got += [entry.id for entry in step.entries]
            self.place = Place.of(step.place.upto, step.place.stored)  # as it is kept
            assert len(self.place.waits) <= following.MOST_WAITS
            if step.is_last:
                return self


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("most", [500, 7])
def test_eight_writers_and_a_long_transaction_lose_nothing_and_get_nothing_twice(most):
    is_late_possible = connection.vendor == POSTGRESQL
    begun, end, stopped = threading.Event(), threading.Event(), threading.Event()
    reader, naive = Reader(most), set()

    def long():
        if not is_late_possible:  # the one writer would keep the others out
            begun.set()
            return
        with transaction.atomic():
            record(action="long")
            begun.set()
            end.wait(60)
            record(action="long")

    def work(seed):
        dice = random.Random(seed)
        for _ in range(EACH):
            try:
                with transaction.atomic():
                    for _entry in range(dice.randint(1, 4)):
                        record(action="exported")
                        if is_late_possible:
                            stopped.wait(dice.random() * 0.02)
                    if dice.random() < 0.2:
                        raise LookupError
            except LookupError:
                continue

    slow = in_thread(long)
    assert begun.wait(30)
    threads = [in_thread(lambda seed=seed: work(seed)) for seed in range(WRITERS)]
    highest = 0
    while any(thread.is_alive() for thread in threads):
        new = [one for one in ids() if one > highest]
        naive.update(new)
        highest = max([highest, *new])
        reader.read()
    end.set()
    slow.join()
    naive.update(one for one in ids() if one > highest)
    reader.read().read()
    assert sorted(reader.got) == ids()
    assert len(reader.got) == len(set(reader.got))
    assert reader.place.waits == ()
    if is_late_possible:
        assert set(ids()) - naive  # who remembers the highest id alone loses some


@pytest.mark.django_db(transaction=True)
def test_an_id_that_was_given_out_before_its_transaction_had_a_number_is_waited_for():
    """PostgreSQL numbers a transaction when it writes, which may be after it took an id: a snapshot would not know it."""
    if connection.vendor != POSTGRESQL:
        return
    taken, go_on = threading.Event(), threading.Event()
    found = []

    def late():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE audit_entry IN ROW EXCLUSIVE MODE")  # as INSERT begins
            cursor.execute("SELECT nextval(pg_get_serial_sequence('audit_entry', 'id'))")
            found.append(cursor.fetchone()[0])
            taken.set()
            go_on.wait(30)
            Entry(id=found[0], action="late", actor_kind="system").save(force_insert=True)

    write()
    thread = in_thread(late)
    assert taken.wait(30)
    write(2)
    reader = Reader()
    reader.place = Place(ids()[0] - 1)
    reader.read().read().read()
    assert found[0] not in reader.got
    assert reader.place.complete_upto == found[0] - 1
    go_on.set()
    thread.join()
    assert reader.read().got[-1] == found[0]
    assert reader.read().place.waits == ()


@pytest.mark.django_db(transaction=True)
def test_ids_that_were_rolled_back_are_not_waited_for_for_ever():
    if connection.vendor != POSTGRESQL:
        return
    for _ in range(5):
        undone()
        write()
    reader = Reader().read()
    assert len(reader.got) == 5
    assert reader.read().place == Place(ids()[-1])


@pytest.mark.django_db(transaction=True)
def test_with_too_many_gaps_to_remember_it_waits_and_loses_nothing(monkeypatch):
    if connection.vendor != POSTGRESQL:
        return
    monkeypatch.setattr(following, "MOST_WAITS", 3)
    go_on, begun = threading.Event(), threading.Event()

    def long():
        with transaction.atomic():
            record(action="long")
            begun.set()
            go_on.wait(30)

    thread = in_thread(long)
    assert begun.wait(30)
    for _ in range(8):
        write()
        undone()
    write()
    reader = Reader().read().read()
    assert 0 < len(reader.got) < 9
    go_on.set()
    thread.join()
    for _ in range(4):
        reader.read()
    assert sorted(reader.got) == ids()
    assert reader.place == Place(ids()[-1])


@pytest.mark.django_db(transaction=True)
def test_who_begins_now_gets_what_is_on_its_way():
    """Entries that were written before a destination was added, and committed after it, are not lost to it."""
    if connection.vendor != POSTGRESQL:
        return
    go_on, begun = threading.Event(), threading.Event()

    def long():
        with transaction.atomic():
            record(action="long")
            begun.set()
            go_on.wait(30)

    thread = in_thread(long)
    assert begun.wait(30)
    write(3)
    reader = Reader()
    reader.place = following.start(from_beginning=False)
    go_on.set()
    thread.join()
    assert reader.read().got == [ids()[0]]


@pytest.mark.django_db
def test_memory_and_batches_are_bounded(monkeypatch):
    write(30)
    monkeypatch.setattr(following, "MOST_BYTES", 100)
    record(action="exported", reason="x" * 200)
    write(5)
    step = following.step(Place(0), most=500)
    assert (len(step.entries), step.is_last) == (31, False)
    monkeypatch.setattr(following, "MOST_SCANNED", 10)
    step = following.step(Place(0), most=500, wants=lambda entry: False)
    assert (step.entries, step.place.upto, step.is_last) == ([], ids()[9], False)
    step = following.step(Place(0), most=4)
    assert [entry.id for entry in step.entries] == ids()[:4]


@pytest.mark.django_db
def test_following_costs_the_same_however_long_the_trail_is(django_assert_num_queries):
    for many in (6, 90):
        write(many)
        place = Place(ids()[-6])
        with django_assert_num_queries(1):
            assert len(following.step(place, most=500).entries) == 5


# Leases.


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def receiver(authority, tmp_path, settings):
    settings.PRIVATE_NETWORKS = [ip_network("127.0.0.0/8")]
    found = SyslogReceiver(tls(authority.issue("127.0.0.1"), tmp_path))
    yield found
    found.stop()


@pytest.fixture
def destination(authority, receiver):
    row = Destination(
        name="SIEM",
        kind="syslog",
        host="127.0.0.1",
        port=receiver.port,
        ca_certificate=authority.pem,
        sends_checkpoints=False,
        from_beginning=True,
    )
    row.save()
    turns.begin(row)
    return row


@pytest.mark.django_db
def test_a_destination_is_sent_to_by_one_worker_at_a_time(destination, receiver, monkeypatch):
    """What the second finds while the first is in the middle of a batch."""
    write(3)
    others = []
    deliver = turns.send_entries

    def meanwhile(*args, **kwargs):
        others.append((turns.due(), turns.turn(destination.pk), turns.forward_due()))
        deliver(*args, **kwargs)

    monkeypatch.setattr(turns, "send_entries", meanwhile)
    assert turns.forward_due() == len(ids())
    assert others == [([], 0, 0)]
    assert receiver.ids == ids()


@pytest.mark.django_db
def test_who_lost_the_lease_writes_nothing_down(destination, receiver, monkeypatch):
    write(3)
    deliver = turns.send_entries

    def overtaken(*args, **kwargs):
        deliver(*args, **kwargs)
        Forwarding.objects.update(lease="another", upto=0)

    monkeypatch.setattr(turns, "send_entries", overtaken)
    turns.forward_due()
    found = Forwarding.objects.get()
    assert (found.lease, found.upto, found.success_at) == ("another", 0, None)


@pytest.mark.django_db
def test_who_slept_through_the_lease_sends_nothing(destination, receiver, monkeypatch):
    write(3)
    monkeypatch.setattr(turns, "SAFE_WITHIN_S", -1.0)
    assert turns.forward_due() == 0
    assert receiver.connections == 0


@pytest.mark.django_db
def test_the_lease_of_who_crashed_ends_and_the_batch_is_sent_again(destination, receiver):
    write(3)
    Forwarding.objects.update(lease="crashed", lease_ends_at=Now() + turns.LEASE)
    assert turns.forward_due() == 0
    Forwarding.objects.update(lease_ends_at=Now())
    assert turns.forward_due() == len(ids())


@pytest.mark.django_db
def test_eight_workers_send_each_entry_once(destination, receiver):
    """One after the other here; side by side below, with real processes."""
    for _ in range(3):
        write(2)
        for _worker in range(8):
            turns.forward_due()
    assert receiver.ids == ids()


PROCESS = """
import ipaddress, random
from django.utils import timezone
settings.PROCESS = "system"
settings.PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
from audit.forwarding import turns
from audit.models import Forwarding
print("ready", flush=True)
while True:
    Forwarding.objects.update(batch=random.randint(1, 40))
    turns.forward_due()
"""


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_is_killed_at_any_point_loses_nothing(destination, receiver):
    """The kills come while messages are on their way; whoever comes next sends the last batch again."""
    dice = random.Random(7)
    for _kill in range(6):
        write(400)
        process = subprocess.Popen(
            second_process.command(PROCESS), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        goal = len(receiver.raw) + dice.randint(1, 300)
        with receiver.heard:
            assert receiver.heard.wait_for(lambda goal=goal: len(receiver.raw) >= goal, 120), (
                process.poll() and process.stderr.read()[-2000:]
            )
        process.kill()
        process.communicate()
        Forwarding.objects.update(lease_ends_at=Now())
    while Forwarding.objects.get().upto < ids()[-1]:
        Forwarding.objects.update(next_at=None)
        turns.forward_due()
    got = receiver.ids
    assert sorted(set(got)) == ids()
    first = list(dict.fromkeys(got))
    assert first == ids()  # in order, but for what came again


@pytest.mark.django_db(transaction=True)
def test_processes_side_by_side_send_no_entry_twice(destination, receiver):
    processes = [
        subprocess.Popen(second_process.command(PROCESS), stdout=subprocess.PIPE) for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for _ in range(20):
        write(20)
    with receiver.heard:
        receiver.heard.wait_for(lambda: len(receiver.raw) >= len(ids()), 120)
    for process in processes:
        process.kill()
        process.communicate()
    assert receiver.ids == ids()


# What retention asks.


def settle():
    """Until nothing is waited for any more."""
    for _time in range(3):
        turns.forward_due()


@pytest.mark.django_db
def test_retention_learns_how_far_all_have_got(destination, receiver):
    write(3)
    assert forwarded_up_to() == 0
    settle()
    newest = ids()[-1]
    assert forwarded_up_to() == newest
    write(2)
    other = Destination(name="Other", kind="syslog", host="127.0.0.1", port=1)
    other.save()
    turns.begin(other)
    assert forwarded_up_to() == newest
    settle()
    Destination.objects.filter(pk=other.pk).update(is_paused=True)
    behind = Forwarding.objects.get(destination=other).upto
    write()
    settle()
    assert forwarded_up_to() == behind < ids()[-1]
    Destination.objects.filter(pk=other.pk).update(holds_retention=False)
    settle()
    assert forwarded_up_to() == ids()[-1]
    Destination.objects.update(holds_retention=False)
    assert forwarded_up_to() is None


@pytest.mark.django_db
def test_retention_waits_for_ids_that_may_still_come(destination):
    Forwarding.objects.update(upto=50, waits=[[20, 22, ["3/7"]], [31, 31, ["3/7"]]])
    assert forwarded_up_to() == 19
