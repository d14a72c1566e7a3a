"""The labelled data, where it is at hand: floors well below what was measured."""

import json

from guards.kinds import KINDS
from guards.normalise import view_of

CORE = (
    "system_override",
    "role_hijack",
    "delimiter_injection",
    "jailbreak_dan",
    "instruction_leak",
)


def _lines(path):
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def test_personal_data_is_found_exactly(eval_data):
    kind = KINDS["personal_data"].compile({})
    right = wrong = missed = 0
    negatives = []
    for line in _lines(eval_data / "pii.jsonl"):
        expected = {(s["type"], s["start"], s["end"]) for s in line["spans"]}
        given = {(f.category.upper(), f.start, f.end) for f in kind.find(view_of(line["text"]))}
        right += len(expected & given)
        wrong += len(given - expected)
        missed += len(expected - given)
        if not expected:
            negatives.append(bool(given))
    assert 2 * right / (2 * right + wrong + missed) >= 0.95
    assert sum(negatives) / len(negatives) <= 0.03


def test_injections_are_found_without_false_alarms(eval_data):
    kind = KINDS["prompt_injection"].compile({})
    attacks, benign = [], []
    for line in _lines(eval_data / "injection.jsonl"):
        flagged = any(True for _ in kind.find(view_of(line["text"])))
        if line["label"] == "benign":
            benign.append(flagged)
        elif line["category"] in CORE and line["lang"] == "en":
            attacks.append(flagged)
    assert sum(attacks) / len(attacks) >= 0.6
    assert sum(benign) / len(benign) <= 0.015


def test_disguises_cost_little_and_raise_no_alarm(eval_data):
    kind = KINDS["prompt_injection"].compile({})
    flags = {"attack": [], "benign": []}
    for line in _lines(eval_data / "obfuscated.jsonl"):
        flags[line["label"]].append(any(True for _ in kind.find(view_of(line["text"]))))
    assert sum(flags["attack"]) / len(flags["attack"]) >= 0.45
    assert sum(flags["benign"]) / len(flags["benign"]) <= 0.01
