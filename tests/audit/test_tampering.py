"""Whoever owns the database changes the trail in every way there is, and both verifiers name the same first bad entry."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import checkpoint_file, sealing, verifier
from audit.models import Checkpoint, Entry
from tests.audit.tampering import SEEDS, Trail, copy, gap, named, own_the_database, run, write

pytestmark = pytest.mark.django_db
INTEGERS = {"actor_user_id", "on_behalf_of_id", "subject_id", "team_id", "status"}


@pytest.fixture
def trail(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]
    found = Trail(tmp_path)
    assert (found.inside(), found.outside()) == (None, None)
    own_the_database()
    return found


def both(trail, expected):
    assert named(trail.inside()) == expected
    assert named(trail.outside()) == expected


def swap_ids(one, two):
    for old, new in ((one, 10**9), (two, one), (10**9, two)):
        run(f"UPDATE audit_entry SET id = {new} WHERE id = {old}")


@pytest.mark.parametrize("field", verifier.FIELDS[1:])
def test_an_edited_field_is_found_whichever_it_is(trail, field):
    entry = trail.ids[1][2]
    new = "'2026-01-01 00:00:00'" if field == "created_at" else "77" if field in INTEGERS else "'x'"
    run(f"UPDATE audit_entry SET {field} = {new} WHERE id = {entry}")
    both(trail, ("edited", entry))


def test_a_single_byte_is_found(trail):
    entry = trail.ids[2][0]
    run(f"UPDATE audit_entry SET changes = replace(changes, 'ä', 'å') WHERE id = {entry}")
    both(trail, ("edited", entry))


@pytest.mark.parametrize("line", ["", "[]", "{}", "nonsense", '{"to":3,"pending":7}'])
def test_a_line_that_is_none_is_named_and_can_still_be_exported(trail, line):
    run("UPDATE audit_checkpoint SET line = %s WHERE number = 2", line)
    assert named(trail.inside()) == ("checkpoint", 2)
    problem = trail.outside()
    assert (problem.kind, problem.checkpoint) == ("checkpoint", 2)


def test_empty_is_not_nothing(trail):
    entry = trail.ids[0][0]
    run(f"UPDATE audit_entry SET team_id = 0 WHERE id = {entry}")
    both(trail, ("edited", entry))


def test_entries_that_changed_places_are_reordered(trail):
    one, two = trail.ids[1][1], trail.ids[1][3]
    swap_ids(one, two)
    both(trail, ("reordered", one))


def test_entries_of_different_checkpoints_that_changed_places_are_found(trail):
    one, two = trail.ids[1][1], trail.ids[3][0]
    swap_ids(one, two)
    both(trail, ("edited", one))


def test_a_renumbered_entry_is_missing_where_it_was(trail):
    run(f"UPDATE audit_entry SET id = {10**9} WHERE id = {trail.ids[1][1]}")
    both(trail, ("deleted", trail.ids[1][1]))


@pytest.mark.parametrize("place", ["free", "before", "below zero", "last free"])
def test_an_inserted_entry_is_found_wherever_it_is(trail, place):
    new = {
        "free": trail.ids[1][2] + 1,
        "before": 0,
        "below zero": -5,
        "last free": trail.ids[2][2] + 2,
    }[place]
    copy(trail.ids[1][1], new)
    problem = trail.inside()
    assert (problem.kind, problem.entry) == ("inserted", new)
    problem = trail.outside()
    assert (problem.kind, problem.entry) == ("inserted", new)


def test_an_entry_behind_the_last_seal_is_new_and_is_sealed_next(trail):
    """The guarantee begins at sealing; what is written before it looks like any other entry."""
    gap(1)  # whose id the copy takes, and another entry behind it
    copy(trail.ids[1][1], trail.ids[3][3] + 1)
    assert trail.inside() is None
    assert sealing.seal() == 2
    both(trail, None)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([(0, 0)], "deleted"),
        ([(1, 1)], "deleted"),
        ([(1, 3)], "deleted"),
        ([(1, 1), (1, 2)], "gap"),
        ([(2, 0), (2, 1), (2, 2), (2, 3)], "gap"),
        ([(c, p) for c in (2, 3) for p in range(4)], "cut off"),
        ([(3, 3)], "cut off"),
        ([(3, 1), (3, 2), (3, 3)], "cut off"),
    ],
)
def test_entries_that_are_gone_are_missed(trail, gone, expected):
    ids = [trail.ids[checkpoint][place] for checkpoint, place in gone]
    run(f"DELETE FROM audit_entry WHERE id IN ({', '.join(map(str, ids))})")
    both(trail, (expected, ids[0]))


def test_the_first_of_several_is_named(trail):
    run(f"UPDATE audit_entry SET reason = 'x' WHERE id IN ({trail.ids[2][1]}, {trail.ids[1][3]})")
    run(f"DELETE FROM audit_entry WHERE id = {trail.ids[2][0]}")
    both(trail, ("edited", trail.ids[1][3]))


@pytest.mark.parametrize("entries", ["too", "stay"])
def test_a_tail_cut_off_with_its_checkpoint_is_found_against_the_file(trail, entries):
    """This is also a database that somebody put back to an earlier day."""
    run("DELETE FROM audit_checkpoint WHERE number = 4")
    if entries == "too":
        run(f"DELETE FROM audit_entry WHERE id >= {trail.ids[3][0]}")
    both(trail, ("cut off", trail.ids[3][0]))
    with pytest.raises(checkpoint_file.OutOfStep):
        sealing.seal()


def test_an_emptied_database_is_found_against_the_file(trail):
    run("DELETE FROM audit_checkpoint")
    run("DELETE FROM audit_entry")
    both(trail, ("cut off", trail.ids[0][0]))


def forged(line, **new):
    """The line with other words, and its old signature."""
    return json.dumps(
        json.loads(line) | new, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def signed_by_another(line):
    body = json.loads(line)
    del body["signature"]
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEEDS[1]))
    public = key.public_key().public_bytes_raw()
    return verifier.signed_line(body | {"key": verifier.key_id(public)}, key)


def put(number, line):
    run("UPDATE audit_checkpoint SET line = %s WHERE number = %s", line, number)


WAYS = {
    "its ids": lambda line: forged(line, ids=[[1, 2]]),
    "what may still come": lambda line: forged(line, pending=[[1, 10**6]]),
    "the end it claims": lambda line: forged(line, to=10**6),
    "its root": lambda line: forged(line, root="0" * 64),
    "that it was pruned": lambda line: forged(line, pruned=[[1, 4]]),
    "the next key": lambda line: forged(line, next_key=SEEDS[1]),
    "its signer": signed_by_another,
    "its writing": lambda line: line.replace(":", ": ", 1),
}


@pytest.mark.parametrize("where", ["database", "file", "both"])
@pytest.mark.parametrize("what", WAYS)
def test_a_changed_line_is_named(trail, what, where):
    new = WAYS[what](trail.lines[1])
    assert new != trail.lines[1]
    if where != "file":
        put(2, new)
    if where != "database":
        text = trail.file.read_text()
        trail.file.write_text(text.replace(trail.lines[1], new))
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.checkpoint) == ("checkpoint", 2)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_checkpoint WHERE number = 2",
        "UPDATE audit_checkpoint SET number = 9 WHERE number = 2",
        "UPDATE audit_checkpoint SET number = -1 WHERE number = 2",
    ],
)
def test_a_checkpoint_that_is_not_in_its_place_is_named(trail, sql):
    run(sql)
    first = 1 if "-1" in sql else 2
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.checkpoint) == ("checkpoint", first)


def test_two_lines_that_changed_places_are_found(trail):
    put(2, trail.lines[2])
    put(3, trail.lines[1])
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.checkpoint) == ("checkpoint", 2)


@pytest.mark.parametrize("column", ["first_id", "last_id", "count"])
def test_what_stands_beside_a_line_has_to_fit_it(trail, column):
    run(f"UPDATE audit_checkpoint SET {column} = {column} + 1 WHERE number = 3")
    assert named(trail.inside()) == ("checkpoint", 3)
    assert trail.outside() is None


FILES = {
    "swapped": ([0, 2, 1, 3], 2),
    "without a line": ([0, 2, 3], 2),
    "without the first": ([1, 2, 3], 1),
    "a line twice at another place": ([0, 1, 0, 2, 3], 3),
}


@pytest.mark.parametrize("way", FILES)
def test_a_changed_file_is_found(trail, way):
    order, bad = FILES[way]
    trail.file.write_text("".join(trail.lines[place] + "\n" for place in order))
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.checkpoint) == ("checkpoint", bad)


def test_a_file_that_was_cut_is_found_and_an_older_copy_is_none(trail, tmp_path):
    trail.file.write_text("".join(line + "\n" for line in trail.lines[:2]))
    assert named(trail.inside()) == ("checkpoint", 3)
    older = tmp_path / "older.jsonl"
    older.write_bytes(trail.file.read_bytes())
    from audit.verifying import verify

    assert "behind 2" in verify(path=older).notes[0]
    # One line less is what a sealer leaves that was stopped between database and file.
    trail.file.write_text("".join(line + "\n" for line in trail.lines[:3]))
    assert trail.inside() is None
    trail.file.unlink()
    assert named(trail.inside()) == ("checkpoint", 1)


def test_what_a_crash_left_of_a_line_is_no_change(trail):
    one, two, three, four = trail.lines
    trail.file.write_text(f"{one}\n{two[:40]}\n{two}\n{three}\n{four[:99]}\n{four}\n")
    both(trail, None)
    trail.file.write_text(f"{one}\n{two}\n{three}\n{four}")
    both(trail, None)
    trail.file.write_text(f"{one}\n{two}\n{three}\n{four}\n{four[:50]}")
    both(trail, None)


def test_a_whole_trail_of_somebody_elses_key_is_refused_and_never_continued(trail, settings):
    """File and database replaced consistently: all fits, and nothing of it is signed by us."""
    run("DELETE FROM audit_checkpoint")
    run(f"DELETE FROM audit_entry WHERE id = {trail.ids[1][1]}")
    trail.file.unlink()
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1]]
    assert sealing.seal() == 15
    assert trail.inside() is None
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.checkpoint) == ("checkpoint", 1)
    write(1)
    with pytest.raises(checkpoint_file.OutOfStep, match="not in PORTAL_AUDIT_SIGNING_KEY"):
        sealing.seal()
    # Nor does it help to claim our key.
    line = Checkpoint.objects.get().line
    new = forged(line, key=json.loads(trail.lines[0])["key"])
    put(1, new)
    trail.file.write_text(new + "\n")
    assert named(trail.inside()) == ("checkpoint", 1)
    with pytest.raises(checkpoint_file.OutOfStep, match="signature"):
        sealing.seal()


def test_an_entry_that_was_waited_for_and_never_came_may_not_come_later(trail):
    """On PostgreSQL a free id is pending for a while; once it is final nobody fills it."""
    free = trail.ids[0][2] + 1
    copy(trail.ids[0][0], free)
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.entry) == ("inserted", free)


def test_everything_at_once_is_still_one_answer(trail):
    run("UPDATE audit_entry SET reason = 'x'")
    both(trail, ("edited", trail.ids[0][0]))


def test_entries_that_wait_for_their_seal_are_no_alarm(trail):
    write(5)
    assert (trail.inside(), trail.outside()) == (None, None)
    assert Entry.objects.count() == 21
