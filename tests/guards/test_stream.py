"""Answers in pieces: nothing of a blocked passage leaves, and the pieces say what the whole says."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards.engine import inspect
from guards.kinds.personal_data import HOLD, PersonalData
from guards.kinds.personal_data import _Compiled as CompiledPersonalData
from guards.stream import StreamInspector
from guards.verdicts import redact
from tests.guards.helpers import guard

KEY_BODY = "MIIEpAIBAAKCAQEA7bq4n2Vd" * 4
PASSAGES = [
    "jane.roe@example.com",
    "415-555-2671",
    "+55 (11) 91234-5678",
    "(415) 555-2671 ext. 12",
    "4111 1111 1111 1111",
    "3782 822463 10005",
    "SSN 123 45 6789",
    "CPF 123.456.789-00",
    "11.222.333/0001-81",
    "GB29 NWBK 6016 1331 9268 19",
    "192.168.10.254",
    "2001:db8::8a2e:370:7334",
    "jane at example dot org",
    "4111\u200b1111 1111\u200b1111",
    "\uff14\uff11\uff15-\uff15\uff15\uff15-\uff12\uff16\uff17\uff11",
    "sk-proj-abcdefghij0123456789ABCD",
    "AKIAIOSFODNN7EXAMPLE",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\n{KEY_BODY}",
    "Authorization: Bearer abcdef0123456789",
    "postgres://user:pa55word@db.example.com/app",
    "password = hunter2hunter2",
    "project atlas",
    "atlas project atlas",
    "M\u00fcller-L\u00fcdenscheidt",
]
FILLERS = [
    " ",
    "  ",
    "\n",
    ", ",
    "-",
    ".",
    "The report is ready",
    "call",
    "1",
    "12 34",
    "0041",
    "2024-01-31",
    "order 1234567890",
    "a" * 90,
    "\u200b" * 30,
    "7" * 25,
    "\u03a3\u0130",
    "-----",
    "e\u0301",
]
GUARD_SETS = {
    "redacted": [guard("personal_data", "redact"), guard("secrets", "redact")],
    "words": [guard("words", "redact", terms=["project atlas", "atlas project", "M\u00fcller-L\u00fcdenscheidt"])],
    "blocked": [guard("secrets", "block"), guard("personal_data", "redact")],
    "narrowed": [guard("personal_data", "redact", categories=["phone"]), guard("secrets", "warn")],
}  # fmt: skip

texts = st.lists(st.sampled_from(PASSAGES + FILLERS + [" ", " ", "\n"]), max_size=24).map("".join)


def _cut(text: str, sizes: list[int]) -> list[str]:
    pieces, position = [], 0
    for size in sizes:
        pieces.append(text[position : position + size])
        position += size
    return [*pieces, text[position:]]


def _streamed(text: str, sizes: list[int], guards) -> tuple[str, str, StreamInspector]:
    inspector = StreamInspector(guards)
    released = "".join(inspector.feed(piece) for piece in _cut(text, sizes))
    return released, inspector.finish(), inspector


def _without_times(inspection):
    return replace(
        inspection,
        outcomes=tuple(replace(outcome, latency_us=0) for outcome in inspection.outcomes),
    )


@pytest.mark.parametrize("name", GUARD_SETS)
@given(text=texts, sizes=st.lists(st.integers(0, 40), max_size=80))
@settings(max_examples=150, deadline=None)
def test_whatever_the_chunking_the_pieces_say_what_the_whole_says(name, text, sizes):
    guards = GUARD_SETS[name]
    whole = inspect([text], guards, stage="output")
    released, rest, inspector = _streamed(text, sizes, guards)

    assert _without_times(inspector.inspection) == _without_times(whole)
    assert inspector.blocked == whole.blocked
    if whole.blocked:
        first = min(f.start for o in whole.outcomes if o.mode == "block" for f in o.findings)
        redactions = [f for o in whole.outcomes if o.mode == "redact" for f in o.findings]
        clean = redact(text[:first], [f for f in redactions if f.end <= first])
        assert rest == ""
        assert clean.startswith(released)
    else:
        assert released + rest == whole.texts[0]


@pytest.mark.parametrize("passage", [p for p in PASSAGES if "key" in p.lower() or "sk-" in p])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_no_character_of_a_blocked_passage_is_released(passage, size):
    before = "Here is what you asked for, with some words in front of it. " * 6
    text = f"{before}{passage} and after it more words than are held back. " + "word " * 2000
    released, rest, inspector = _streamed(text, [size] * (len(text) // size), [guard("secrets")])
    assert inspector.blocked
    assert rest == ""
    assert before.startswith(released)


def test_a_private_key_that_never_ends_is_not_released():
    text = "My key: -----BEGIN PRIVATE KEY-----\n" + "QUJD" * 1500
    released, _rest, inspector = _streamed(text, [10] * 700, [guard("secrets", "redact")])
    assert released + _rest == "My key: [PRIVATE_KEY_REDACTED]"
    assert inspector.inspection.action.word == "redact"


def test_clean_text_leaves_before_the_end():
    text = "Nothing in this answer is of any interest to a guard. " * 20
    released, rest, _inspector = _streamed(text, [5] * 300, GUARD_SETS["redacted"])
    assert len(released) > len(text) - 250
    assert released + rest == text


def test_shadow_and_warning_guards_hold_nothing_back():
    inspector = StreamInspector([guard("secrets", "shadow"), guard("limits", "warn")])
    assert inspector.feed("a") == "a"


@pytest.mark.parametrize(
    "unready",
    [
        guard("limits"),
        guard("words", patterns=["a.*b"]),
        guard("prompt_injection"),
        guard("no_such_kind"),
        guard("secrets", "no_such_mode"),
        guard("words", terms="not a list"),
    ],
    ids=lambda g: f"{g.kind}-{g.mode}-{len(g.options)}",
)
def test_guards_that_need_the_whole_or_cannot_judge_hold_the_whole_answer_back(unready):
    inspector = StreamInspector([unready])
    assert "".join(inspector.feed("word ") for _ in range(500)) == ""


class Broken:
    """A kind that fails once it sees a certain word."""

    hold = HOLD

    def __init__(self, compiled) -> None:
        self._compiled = compiled

    def find(self, view):
        if "fail" in view.text:
            raise RuntimeError("broken")
        return self._compiled.find(view)


@pytest.fixture
def broken(monkeypatch):
    sound = PersonalData().compile({})
    monkeypatch.setattr("guards.stream.compiled", lambda _guard: Broken(sound))
    monkeypatch.setattr("guards.engine.compiled", lambda _guard: Broken(sound))


def test_a_guard_that_fails_in_the_middle_releases_nothing_more(broken):
    inspector = StreamInspector([guard("personal_data")])
    before = "".join(inspector.feed("fine ") for _ in range(100))
    after = "".join(inspector.feed("fail ") for _ in range(100))
    assert before
    assert not after
    assert inspector.finish() == ""
    assert inspector.blocked
    assert inspector.inspection.unavailable


def test_a_failing_guard_that_may_be_passed_lets_the_answer_through(broken):
    inspector = StreamInspector([guard("personal_data", on_error="allow")])
    released = "".join(inspector.feed("fail ") for _ in range(100))
    assert released + inspector.finish() == "fail " * 100
    assert inspector.inspection.outcomes[0].error == "RuntimeError"


@pytest.mark.parametrize(
    "word", ["word ", "1234 ", "x", "7", "\u200b", "-----BEGIN PRIVATE KEY-----", "a@"]
)
@pytest.mark.parametrize("size", [1, 4, 64])
def test_work_grows_with_the_length_of_the_answer(monkeypatch, word, size):
    def work(length: int) -> int:
        scanned = 0

        def counted(self, view):
            nonlocal scanned
            scanned += view.length
            return iter(())

        monkeypatch.setattr(CompiledPersonalData, "find", counted)
        inspector = StreamInspector([guard("personal_data", "redact")])
        text = (word * length)[:length]
        for start in range(0, length, size):
            inspector.feed(text[start : start + size])
        return scanned

    assert work(20_000) <= 20 * 20_000
    assert work(40_000) <= 3 * work(20_000) + 1000


def test_random_text_of_digits_and_separators_streams_as_it_reads():
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choice("0123456789      --..()+/@a,:xX\n") for _ in range(600))
        sizes = [chance.randint(1, 60) for _ in range(60)]
        whole = inspect([text], GUARD_SETS["redacted"], stage="output")
        released, rest, inspector = _streamed(text, sizes, GUARD_SETS["redacted"])
        assert released + rest == whole.texts[0]
        assert inspector.inspection.findings == whole.findings
