"""Texts through guards: every guard sees the original, the strictest action wins, and what cannot judge blocks."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from guards.kinds import KINDS
from guards.kinds.base import Compiled
from guards.normalise import View, view_of
from guards.verdicts import Action, Finding, GuardOutcome, Inspection, redact

logger = logging.getLogger("guards.engine")

ACTIONS = {
    "block": Action.BLOCK,
    "redact": Action.REDACT,
    "warn": Action.WARN,
    "shadow": Action.PASS,
}


@dataclass(frozen=True, slots=True)
class ActiveGuard:
    """A guard as the journey carries it: plain values. `options_json` keeps it hashable."""

    slug: str
    version: int
    kind: str
    options: Mapping[str, Any] = field(hash=False)
    mode: str = "block"
    on_error: str = "block"
    message: str = ""
    priority: int = 100
    timeout_ms: int = 1000
    options_json: str = ""


class LateVerdict(Exception):
    """The verdict came after the guard's time limit and does not count."""


class InvalidVerdict(Exception):
    """What the kind returned is not a list of findings inside the text."""


@lru_cache(maxsize=512)
def _compiled(kind: str, options_json: str) -> Compiled:
    return KINDS[kind].compile(json.loads(options_json))


def compiled(guard: ActiveGuard) -> Compiled:
    """The kind with these options, ready to search; compiled once for each version of the options."""
    return _compiled(guard.kind, guard.options_json)


def inspect(texts: Sequence[str], guards: Sequence[ActiveGuard], *, stage: str) -> Inspection:
    """All texts through all guards. Never raises: a guard that fails is an outcome with an error."""
    if not guards:
        return Inspection(stage, Action.PASS, tuple(texts))
    views = [view_of(text) for text in texts]
    outcomes = [judge(guard, views) for guard in guards]
    return combined(texts, guards, outcomes, stage=stage)


def judge(guard: ActiveGuard, views: Sequence[View]) -> GuardOutcome:
    """One guard over all texts, in its time; fail closed unless its `on_error` allows."""
    began = time.perf_counter()
    try:
        action = ACTIONS[guard.mode]
        findings = _search(guard, views)
        if (time.perf_counter() - began) * 1000 > guard.timeout_ms:
            raise LateVerdict
    except Exception as error:  # noqa: BLE001 - whatever breaks in a guard closes the gate
        logger.warning("guard %s failed: %s", guard.slug, type(error).__name__)
        failed = Action.PASS if guard.on_error == "allow" else Action.BLOCK
        return _outcome(guard, failed, (), began, type(error).__name__)
    return _outcome(guard, action if findings else Action.PASS, findings, began, "")


def _search(guard: ActiveGuard, views: Sequence[View]) -> tuple[Finding, ...]:
    kind = compiled(guard)
    found: list[Finding] = []
    for part, view in enumerate(views):
        for finding in kind.find(view):
            if not (
                isinstance(finding, Finding) and 0 <= finding.start <= finding.end <= view.length
            ):
                raise InvalidVerdict
            if part:
                finding = replace(finding, part=part)
            found.append(finding)
    return tuple(found)


def _outcome(
    guard: ActiveGuard, action: Action, findings: tuple[Finding, ...], began: float, error: str
) -> GuardOutcome:
    latency = round((time.perf_counter() - began) * 1_000_000)
    return GuardOutcome(
        guard.slug, guard.version, guard.kind, guard.mode, action, findings, latency, error
    )


def combined(
    texts: Sequence[str],
    guards: Sequence[ActiveGuard],
    outcomes: Sequence[GuardOutcome],
    *,
    stage: str,
) -> Inspection:
    """The verdict of all together: the strictest action, and the texts after all redactions."""
    action = max((outcome.action for outcome in outcomes), default=Action.PASS)
    unavailable = any(o.error and o.action is Action.BLOCK for o in outcomes)
    message = next(
        (
            guard.message
            for guard, outcome in zip(guards, outcomes, strict=True)
            if outcome.action is Action.BLOCK and not outcome.error
        ),
        "",
    )
    shown = tuple(f for o in outcomes if o.action is not Action.PASS for f in o.findings)
    redacting = [f for o in outcomes if o.action is Action.REDACT for f in o.findings]
    passed = tuple(
        redact(text, [f for f in redacting if f.part == part]) for part, text in enumerate(texts)
    )
    return Inspection(stage, action, passed, tuple(outcomes), message, unavailable, shown)
