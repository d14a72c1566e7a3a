"""An answer in pieces through the output guards: nothing is released before it is known to be clean.

Each kind says how much of the end must be held back (`Hold`): so many characters and so many words that a finding
which is not complete yet can reach back. Only findings that end before that point count as final; the last word is
always `inspect` on the whole text, so streamed and unstreamed answers agree.
"""

from collections.abc import Sequence

from guards.engine import ActiveGuard, compiled, inspect
from guards.kinds.base import Compiled
from guards.normalise import view_of
from guards.verdicts import Action, Finding, GuardOutcome, Inspection, merged, redact

CONTEXT = 256  # characters before the unreleased text that patterns may look back at
RESCAN_GROWTH = (
    1.25  # a held tail that grows without end is scanned again only after growing by a quarter
)
LARGE_TAIL = 4096


class StreamInspector:
    """Feed it pieces; what it returns may be shown. After `finish`, `inspection` is that of the whole text."""

    def __init__(self, guards: Sequence[ActiveGuard]) -> None:
        self._guards = tuple(guards)
        self._pieces: list[str] = []
        self._tail = ""  # context, then what is not released yet
        self._context = 0  # characters of `_tail` that are context
        self._released: list[str] = []
        self._scanned = 0
        self._closed = False
        self._kinds: list[tuple[ActiveGuard, Compiled]] = []
        self.blocked = False
        self.inspection: Inspection | None = None
        self._prepare()

    def _prepare(self) -> None:
        for guard in self._guards:
            if guard.mode not in ("block", "redact"):
                continue
            try:
                kind = compiled(guard)
            except Exception:  # noqa: BLE001 - `inspect` will report it; until then nothing may leave
                self._closed = self._closed or guard.on_error != "allow"
                continue
            if kind.hold is None:
                self._closed = True
            self._kinds.append((guard, kind))

    def feed(self, piece: str) -> str:
        """Takes the next piece; returns the text that is now safe, already redacted."""
        self._pieces.append(piece)
        if self._closed or self.blocked:
            return ""
        if not self._kinds:
            self._released.append(piece)
            return piece
        self._tail += piece
        if len(self._tail) > LARGE_TAIL and len(self._tail) < self._scanned * RESCAN_GROWTH:
            return ""
        self._scanned = len(self._tail)
        return self._advance()

    def _advance(self) -> str:
        safe = min(_held_from(self._tail, kind) for _guard, kind in self._kinds)
        if safe <= self._context:
            return ""
        redactions: list[Finding] = []
        view = view_of(self._tail)
        for guard, kind in self._kinds:
            try:
                found = [f for f in kind.find(view) if f.end > self._context]
            except Exception:  # noqa: BLE001 - as above
                if guard.on_error == "allow":
                    continue
                self._closed = True
                return ""
            for finding in found:
                if finding.end > safe:
                    safe = min(safe, finding.start)
            if guard.mode == "block" and any(f.end <= safe for f in found):
                self.blocked = True
                return ""
            redactions += found
        if safe <= self._context:
            return ""
        return self._release(safe, [f for f in redactions if f.end <= safe])

    def _release(self, safe: int, redactions: list[Finding]) -> str:
        inside = [
            Finding(
                f.kind,
                f.category,
                f.severity,
                f.start - self._context,
                f.end - self._context,
                f.replacement,
            )
            for f in merged(redactions)
            if f.start >= self._context
        ]
        text = redact(self._tail[self._context : safe], inside)
        keep = max(0, safe - CONTEXT)
        self._tail, self._context = self._tail[keep:], safe - keep
        self._scanned = 0
        self._released.append(text)
        return text

    def finish(self) -> str:
        """The rest that may be shown; sets `inspection`. Empty if the whole text is blocked or could not be judged."""
        whole = "".join(self._pieces)
        self.inspection = inspect([whole], self._guards, stage="output")
        self.blocked = self.blocked or self.inspection.blocked
        if self.inspection.blocked or self.inspection.unavailable:
            return ""
        released = "".join(self._released)
        final = self.inspection.texts[0]
        if self.blocked or not final.startswith(released):
            self.inspection = _contradicted(self.inspection)
            return ""
        return final[len(released) :]


def _held_from(text: str, kind: Compiled) -> int:
    """Index from which the text has to wait for more."""
    hold = kind.hold
    if hold is None:
        return 0
    index = len(text) - hold.characters
    end = len(text)
    for _ in range(hold.words):
        end = _word_start(text, end)
    return max(0, min(index, end))


def _word_start(text: str, end: int) -> int:
    """Start of the last word before `end`; white space behind it belongs to it."""
    end = len(text[:end].rstrip())
    while end and not text[end - 1].isspace():
        end -= 1
    return end


def _contradicted(inspection: Inspection) -> Inspection:
    """The pieces and the whole do not agree: nobody can say that the answer is clean, so it is not given."""
    outcome = GuardOutcome("stream", 0, "stream", "block", Action.BLOCK, error="Contradiction")
    return Inspection(
        inspection.stage,
        Action.BLOCK,
        inspection.texts,
        (*inspection.outcomes, outcome),
        "",
        True,
        inspection.findings,
    )
