"""An answer in pieces through the output guards: nothing is released before it is known to be clean.

Each kind says how much of the end must be held back (`Hold`). Only findings that end before that point are final, and
the answer is never cut inside one; the last word is always `inspect` on the whole text. Kinds that say None, and
guards that cannot be prepared, hold back the whole answer.
"""

from collections.abc import Sequence
from dataclasses import replace

from guards.engine import ACTIONS, ActiveGuard, compiled, inspect
from guards.kinds.base import Compiled
from guards.normalise import View, view_of
from guards.verdicts import Action, Finding, GuardOutcome, Inspection, redact

CONTEXT = 256  # normalised characters before the unreleased text that patterns may look back at
LEAST_STEP = (
    24  # characters between two searches; also an eighth of what waits, so work stays linear
)


class StreamInspector:
    """Feed it pieces; what it returns may be shown. After `finish`, `inspection` is that of the whole text."""

    def __init__(self, guards: Sequence[ActiveGuard]) -> None:
        self._guards = tuple(guards)
        self._pieces: list[str] = []
        self._released: list[str] = []
        self._new: list[str] = []  # pieces since the last search
        self._new_length = 0
        self._tail = ""  # context, then what was searched and is not released
        self._context = 0  # characters of `_tail` that are context
        self._closed = False  # nothing more leaves before the end
        self._kinds: list[tuple[ActiveGuard, Compiled]] = []
        self.blocked = False
        self.inspection: Inspection | None = None
        self._prepare()

    def _prepare(self) -> None:
        for guard in self._guards:
            if guard.mode not in ACTIONS:
                self._closed = self._closed or guard.on_error != "allow"
                continue
            try:
                kind = compiled(guard)
            except Exception:  # noqa: BLE001 - `inspect` will report it; until then nothing may leave
                self._closed = self._closed or guard.on_error != "allow"
                continue
            if ACTIONS[guard.mode] < Action.REDACT:
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
        self._new.append(piece)
        self._new_length += len(piece)
        if self._new_length < max(LEAST_STEP, len(self._tail) // 8):
            return ""
        self._tail += "".join(self._new)
        self._new, self._new_length = [], 0
        return self._advance(view_of(self._tail))

    def _advance(self, view: View) -> str:
        held = min(_held_from(view.text, kind) for _guard, kind in self._kinds)
        safe = view.place(held, held)[0]
        if safe <= self._context:
            return ""
        blocking: list[Finding] = []
        redacting: list[Finding] = []
        for guard, kind in self._kinds:
            try:
                found = [f for f in kind.find(view) if f.end > self._context]
            except Exception:  # noqa: BLE001 - as above
                if guard.on_error != "allow":
                    self._closed = True
                    return ""
                continue
            (blocking if guard.mode == "block" else redacting).extend(found)
        for finding in sorted((*blocking, *redacting), key=lambda f: f.start, reverse=True):
            if finding.start < safe < finding.end:
                safe = finding.start
        if any(finding.end <= safe for finding in blocking):
            self.blocked = True
            return ""
        if any(finding.start < self._context for finding in (*blocking, *redacting)):
            self._closed = True  # a kind that is not local after all: only the whole text tells
            return ""
        if safe <= self._context:
            return ""
        return self._release(view, safe, [f for f in redacting if f.end <= safe])

    def _release(self, view: View, safe: int, findings: list[Finding]) -> str:
        """Gives out `_tail` up to `safe`, redacted; keeps `CONTEXT` normalised characters before it."""
        context = self._context
        moved = [replace(f, start=f.start - context, end=f.end - context) for f in findings]
        text = redact(self._tail[context:safe], moved)
        keep = view.place(*[max(0, view.index_of(safe) - CONTEXT)] * 2)[0]
        self._tail, self._context = self._tail[keep:], safe - keep
        self._released.append(text)
        return text

    def finish(self) -> str:
        """The rest that may be shown; sets `inspection`. Empty if the whole text is blocked or could not be judged."""
        whole = "".join(self._pieces)
        self.inspection = inspect([whole], self._guards, stage="output")
        if self.inspection.blocked:
            self.blocked = True
            return ""
        released = "".join(self._released)
        final = self.inspection.texts[0]
        if self.blocked or not final.startswith(released):
            self.inspection = _contradicted(self.inspection)
            self.blocked = True
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
        if end <= 0 or index <= 0:
            break
        end = _word_start(text, end)
    return max(0, min(index, end))


def _word_start(text: str, end: int) -> int:
    """Start of the last word before `end`; white space behind it belongs to it."""
    while end and text[end - 1].isspace():
        end -= 1
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
