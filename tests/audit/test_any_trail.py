"""Any trail, with late entries, free ids and prunes, tampered with anywhere: both verifiers name the same entry, or none."""

import base64
import io
import json
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import sealed_export, verifier, walking

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MISSING = {"deleted", "gap", "cut off"}
PUBLIC = KEY.public_key().public_bytes_raw()


def row(entry_id, text):
    values = dict.fromkeys(verifier.FIELDS, "")
    values |= {"id": entry_id, "reason": text, "team_id": None, "changes": '{"a":["x,","y"]}'}
    return tuple(values[name] for name in verifier.FIELDS)


def line_of(number, before, rows, to, pending, **more):
    leaves = [verifier.leaf(one) for one in verifier.canonicals(rows)]
    body = {
        "format": verifier.FORMAT,
        "number": number,
        "time": f"2026-11-26T00:{number:02}:00.000000+00:00",
        "previous": verifier.previous_of(before),
        "ids": verifier.ranges_of(one[0] for one in rows),
        "count": len(rows),
        "to": to,
        "pending": pending,
        "root": verifier.root(leaves).hex(),
        "leaves": base64.b64encode(b"".join(one[:8] for one in leaves)).decode(),
        "key": verifier.key_id(PUBLIC),
    }
    return verifier.signed_line(body | more, KEY)


@st.composite
def trails(draw):
    """Lines, and the rows that are there; which of them in the order of sealing; and ids that nobody used."""
    ids = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=40)))
    rounds = {one: draw(st.integers(0, 5)) + one // 15 for one in ids}
    rows = {one: row(one, draw(st.text(max_size=4))) for one in ids}
    lines, sealed, to = [], [], 0
    for now in range(10):
        coming = [one for one in ids if one not in sealed and rounds[one] <= now]
        if not coming:
            continue
        to = max(to, *coming)
        waiting = {one for one in ids if one < to and rounds[one] > now}
        if now < 8:  # rolled back in the end
            waiting |= draw(st.sets(st.sampled_from(range(1, to + 1)))) - set(ids) - _final(lines)
        before = lines[-1] if lines else ""
        pending = verifier.ranges_of(sorted(waiting))
        found = [rows[one] for one in coming]
        lines.append(line_of(len(lines) + 1, before, found, to, pending))
        sealed += coming
    last = json.loads(lines[-1])
    if last["pending"]:
        lines.append(line_of(len(lines) + 1, lines[-1], [], to, []))
    if draw(st.booleans()):
        pruned = sorted(draw(st.sets(st.integers(1, len(lines)), min_size=1)))
        ranges = verifier.ranges_of(pruned)
        gone = [one for line in lines for one in _ids(line) if json.loads(line)["number"] in pruned]
        keep = draw(st.sets(st.sampled_from(gone))) if gone else set()
        for one in set(gone) - keep:
            del rows[one]
        sealed = [one for one in sealed if one not in gone]
        lines.append(line_of(len(lines) + 1, lines[-1], [], to, [], pruned=ranges))
    free = sorted(set(range(-2, to)) - set(ids))
    return lines, rows, sealed, free


def _ids(line):
    return list(verifier.ids_of(json.loads(line)["ids"]))


def _final(lines):
    """What no later line may call pending again."""
    if not lines:
        return set()
    said = json.loads(lines[-1])
    return set(range(1, said["to"] + 1)) - set(verifier.ids_of(said["pending"]))


class Database:
    """Rows by id, as `walking` reads them."""

    def __init__(self, rows):
        self.rows = [rows[one] for one in sorted(rows)]
        self._given = 0

    @contextmanager
    def chunked_cursor(self):
        yield self

    def execute(self, sql):
        self._given = 0

    def fetchmany(self, size):
        self._given += 3
        return self.rows[self._given - 3 : self._given]

    def among(self, ranges, *, limit):
        return [one for one in self.rows if any(first <= one[0] <= last for first, last in ranges)][
            :limit
        ]


@pytest.fixture
def check(tmp_path, monkeypatch):
    """What both verifiers say of lines and rows: the same."""

    def checked(lines, rows):
        database = Database(rows)
        monkeypatch.setattr(walking, "connection", database)
        monkeypatch.setattr(walking.stored, "among", database.among)
        monkeypatch.setattr(walking.stored, "select", lambda condition: "")
        file = tmp_path / "checkpoints.jsonl"
        file.write_text("".join(line + "\n" for line in lines))
        inside = outside = None
        book = verifier.Book(file, verifier.Chain([PUBLIC]))
        export = io.BytesIO()
        for step in walking.walk(lines):
            export.write(sealed_export._line({"checkpoint": step.line}))
            for one in step.rows:
                entry = dict(zip(verifier.FIELDS, one, strict=True))
                export.write(sealed_export._line({"entry": entry}))
        try:
            for step in walking.walk(lines):
                found = verifier.canonicals(step.rows)
                pruned = book.chain.is_pruned(step.said["number"])
                ids = [one[0] for one in step.rows]
                verifier.judge(step.said, ids, found, pruned=pruned, is_end=step.is_end)
        except verifier.Problem as problem:
            inside = problem
        export.seek(0)
        try:
            verifier.verify_export(export, book, tell=lambda entries: None)
        except verifier.Problem as problem:
            outside = problem
        if inside is None or outside is None:
            assert (inside, outside) == (None, None)
            return None
        assert (inside.entry, inside.checkpoint) == (outside.entry, outside.checkpoint)
        # By id nothing may follow where by checkpoint a late entry does.
        assert inside.kind == outside.kind or {inside.kind, outside.kind} <= MISSING
        return inside

    return checked


quick = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quick
@given(trails())
def test_a_trail_that_nobody_touched_is_intact(check, trail):
    lines, rows, _sealed, _free = trail
    assert check(lines, rows) is None


@quick
@given(trails(), st.data())
def test_an_edit_is_named_wherever_it_is(check, trail, data):
    lines, rows, _sealed, _free = trail
    if rows:
        entry = data.draw(st.sampled_from(sorted(rows)))
        rows[entry] = (*rows[entry][:-1], "changed")
        problem = check(lines, rows)
        assert (problem.kind, problem.entry) == ("edited", entry)


@quick
@given(trails(), st.data())
def test_deletions_are_named_by_the_first_in_the_order_of_sealing(check, trail, data):
    lines, rows, sealed, _free = trail
    if sealed:
        gone = data.draw(st.sets(st.sampled_from(sealed), min_size=1))
        for one in gone:
            del rows[one]
        problem = check(lines, rows)
        assert problem.kind in MISSING
        assert problem.entry == next(one for one in sealed if one in gone)


@quick
@given(trails(), st.data())
def test_an_insertion_is_named_wherever_it_is(check, trail, data):
    lines, rows, _sealed, free = trail
    if free:
        entry = data.draw(st.sampled_from(free))
        rows[entry] = row(entry, "inserted")
        problem = check(lines, rows)
        assert (problem.kind, problem.entry) == ("inserted", entry)


@quick
@given(trails(), st.data())
def test_two_that_changed_places_are_found(check, trail, data):
    lines, rows, _sealed, _free = trail
    if len(rows) > 1:
        one, two = data.draw(
            st.lists(st.sampled_from(sorted(rows)), min_size=2, max_size=2, unique=True)
        )
        if rows[one][1:] == rows[two][1:]:
            return
        rows[one], rows[two] = (one, *rows[two][1:]), (two, *rows[one][1:])
        problem = check(lines, rows)
        assert problem.kind in ("reordered", "edited")
        assert problem.entry in (one, two)
