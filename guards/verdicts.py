"""What guards say: findings in a text, and the action that follows. Offsets are characters of the original text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Action(IntEnum):
    """Ordered by strictness: the strictest of several wins."""

    PASS = 0
    WARN = 1
    REDACT = 2
    BLOCK = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `start` and `end` are character offsets; `part` is the text's number among several.

    `replacement` is what redaction puts in its place; it never holds any of the text.
    """

    kind: str
    category: str
    severity: str
    start: int
    end: int
    replacement: str = "[REDACTED]"
    part: int = 0

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": self.kind,
            "category": self.category,
            "severity": self.severity,
            "start": self.start,
            "end": self.end,
        }
        if self.part:
            found["part"] = self.part
        return found


@dataclass(frozen=True, slots=True)
class GuardOutcome:
    """What one guard said of all texts. `error` names what went wrong, without any of the text; empty if nothing."""

    slug: str
    version: int
    kind: str
    mode: str
    action: Action
    findings: tuple[Finding, ...] = ()
    latency_us: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What all guards of a stage said together. `texts` are the texts as they may go on."""

    stage: str
    action: Action
    texts: tuple[str, ...] = field(repr=False)
    outcomes: tuple[GuardOutcome, ...] = ()
    message: str = ""
    unavailable: bool = False
    findings: tuple[Finding, ...] = field(default=())

    @property
    def blocked(self) -> bool:
        return self.action is Action.BLOCK

    def as_json(self) -> dict[str, Any] | None:
        """The contract's guard object; None where no guard intervened (shadow guards only record)."""
        if self.action is Action.PASS:
            return None
        return {
            "action": self.action.word,
            "stage": self.stage,
            "guards": [o.slug for o in self.outcomes if o.action is not Action.PASS],
            "findings": [finding.as_json() for finding in self.findings],
        }


def redact(text: str, findings: Sequence[Finding]) -> str:
    """The text with each finding replaced; findings that overlap become one, named by the first and longest."""
    pieces: list[str] = []
    position = 0
    for finding in merged(findings):
        pieces += [text[position : finding.start], finding.replacement]
        position = finding.end
    pieces.append(text[position:])
    return "".join(pieces)


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """In order, without overlaps."""
    found: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if found and finding.start < found[-1].end:
            if finding.end > found[-1].end:
                last = found[-1]
                found[-1] = Finding(
                    last.kind,
                    last.category,
                    last.severity,
                    last.start,
                    finding.end,
                    last.replacement,
                )
            continue
        found.append(finding)
    return found
