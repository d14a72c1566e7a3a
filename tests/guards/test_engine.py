"""The engine: closed when a guard cannot judge, the strictest wins, everybody sees the original."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards import engine
from guards.engine import inspect
from guards.kinds import KINDS
from guards.verdicts import Action, Finding
from tests.guards.helpers import checked, guard, redacted
from tests.guards.test_stream import FILLERS, PASSAGES


class Scripted:
    """A kind that answers as the test says."""

    hold = None

    def __init__(self, find) -> None:
        self.find = find


@pytest.fixture
def answer(monkeypatch):
    """Makes every guard of kind `scripted` answer with this function."""

    def install(find):
        known = engine.compiled
        monkeypatch.setattr(
            engine, "compiled", lambda g: Scripted(find) if g.kind == "scripted" else known(g)
        )

    return install


def _raise(_view):
    raise RuntimeError("secret words of the text")


def _late(_view):
    time.sleep(0.02)
    return iter(())


FAILURES = {
    "raises": _raise,
    "is late": _late,
    "answers with words": lambda _view: ["YES, this is fine"],
    "answers with nothing at all": lambda _view: None,
    "finds beyond the text": lambda view: [Finding("x", "y", "low", 0, view.length + 1)],
    "finds before the text": lambda _view: [Finding("x", "y", "low", -1, 1)],
    "finds backwards": lambda _view: [Finding("x", "y", "low", 2, 1)],
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("mode", ["block", "redact", "warn", "shadow"])
def test_a_guard_that_cannot_judge_closes_the_gate(answer, failure, mode):
    answer(FAILURES[failure])
    inspection = inspect(["hello"], [guard("scripted", mode, timeout_ms=5)], stage="input")
    assert inspection.blocked
    assert inspection.unavailable
    assert inspection.outcomes[0].error
    assert "secret" not in repr(inspection)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_guard_that_may_fail_lets_through_and_says_so(answer, failure):
    answer(FAILURES[failure])
    failing = guard("scripted", timeout_ms=5, on_error="allow")
    inspection = inspect(["hello"], [failing], stage="input")
    assert inspection.action is Action.PASS
    assert not inspection.unavailable
    assert inspection.outcomes[0].error


@pytest.mark.parametrize(
    "unknown",
    [guard("no_such_kind"), guard("secrets", "no_such_mode"), guard("secrets", no_such_option=1)],
    ids=["kind", "mode", "option"],
)
def test_what_nobody_knows_closes_the_gate(unknown):
    inspection = checked("hello", unknown)
    assert inspection.blocked
    assert inspection.unavailable


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_surrogate_pair_is_judged_like_any_text(kind):
    options = {"patterns": ["nothing"]} if kind == "words" else {}
    outcome = checked("\ud83d to jane@example.com \udfff", guard(kind, **options)).outcomes[0]
    assert not outcome.error
    assert [(f.start, f.end) for f in outcome.findings] == (
        [(5, 21)] if kind == "personal_data" else []
    )


def test_a_failure_beside_a_block_is_still_a_failure(answer):
    answer(_raise)
    inspection = checked("word", guard("words", terms=["word"], message="No."), guard("scripted"))
    assert inspection.unavailable
    assert inspection.message == "No."


@pytest.mark.parametrize(
    ("modes", "action"),
    [
        (["warn", "redact", "block"], "block"),
        (["block", "warn"], "block"),
        (["warn", "redact"], "redact"),
        (["warn", "shadow"], "warn"),
        (["shadow"], "pass"),
        ([], "pass"),
    ],
)
def test_the_strictest_wins(modes, action):
    guards = [guard("words", m, slug=f"w-{m}", terms=["word"]) for m in modes]
    assert checked("a word", *guards).action.word == action


def test_shadow_records_and_shows_nothing():
    inspection = checked("a word", guard("words", "shadow", terms=["word"]))
    assert inspection.outcomes[0].findings
    assert inspection.as_json() is None
    assert inspection.findings == ()
    assert inspection.texts == ("a word",)


def test_the_first_blocking_guard_has_the_word():
    one = guard("words", slug="one", terms=["word"], message="one")
    two = guard("words", slug="two", terms=["word"], message="two")
    inspection = checked("a word", one, two)
    assert inspection.message == "one"
    assert inspection.as_json()["guards"] == ["one", "two"]


def test_every_guard_sees_the_original():
    redacting = guard("personal_data", "redact")
    blocking = guard("words", patterns=[r"\w+@example\.com"])
    assert checked("jane@example.com", redacting, blocking).blocked
    assert checked("jane@example.com", blocking, redacting).blocked


def test_findings_name_their_text_and_place():
    inspection = inspect(
        ["nothing", "to jane@example.com"], [guard("personal_data", "redact")], stage="input"
    )
    assert inspection.texts == ("nothing", "to [EMAIL_REDACTED]")
    assert inspection.as_json()["findings"] == [
        {
            "kind": "personal_data",
            "category": "email",
            "severity": "medium",
            "start": 3,
            "end": 19,
            "part": 1,
        }
    ]


def test_overlapping_redactions_become_one():
    guards = [
        guard("words", "redact", slug="a", terms=["red green"]),
        guard("words", "redact", slug="b", terms=["green blue"]),
        guard("personal_data", "redact"),
    ]
    assert redacted("x red green blue y", *guards) == "x [REDACTED] y"


@given(
    st.lists(st.sampled_from(PASSAGES + FILLERS), max_size=12),
    st.sampled_from([" ", "\n", ", ", "; ", " and "]),
)
@settings(max_examples=300, deadline=None)
def test_redaction_is_idempotent(passages, between):
    text = between.join(passages)
    guards = [guard("personal_data", "redact"), guard("secrets", "redact")]
    once = redacted(text, *guards)
    assert redacted(once, *guards) == once


@pytest.mark.parametrize("passage", PASSAGES[:17])
def test_what_was_found_is_gone_from_the_text(passage):
    guards = [guard("personal_data", "redact"), guard("secrets", "redact")]
    text = redacted(f"before {passage} after", *guards)
    assert text.startswith("before ")
    assert text.endswith("REDACTED] after")


HOSTILE = [
    "1 " * 16384,
    "1-" * 16384,
    "+1" * 16384,
    "a@" * 16384,
    "a." * 16384 + "@",
    "x@a" + ".a" * 16384,
    "AA11 " * 6553,
    "GB29 NWBK " * 3276,
    "1:" * 16384,
    "(1" * 16384,
    "ignore " * 4681,
    "you are " * 4096,
    "pretend act as " * 2184,
    "repeat the your " * 2048,
    "A" * 32768,
    "=" * 32768,
    "-----BEGIN " * 2978,
    "-----BEGIN PRIVATE KEY-----" * 1213,
    "eyJ" * 10922,
    "eyJaaaaaaaaaa." * 2340,
    "a://a:" * 5461,
    "password=" * 3640,
    "authorization: bearer " * 1489,
    "jane at " * 4096,
    " " * 32768,
    "\n" * 32768,
    "### " * 8192,
    "---" * 10922,
    "a b c d " * 4096,
    "\u0430\u200b" * 16384,
    "developer mode " * 2184,
    "&#" * 16384,
    "%41" * 10922,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_of_32_kib_is_judged_in_its_time(kind, number):
    """Twenty seconds are no measure of speed: a pattern that runs away takes hours."""
    outcome = checked(HOSTILE[number], guard(kind, timeout_ms=20_000)).outcomes[0]
    assert not outcome.error
