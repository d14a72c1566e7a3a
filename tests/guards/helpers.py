"""Guards as tests write them."""

import json
from typing import Any

from guards.engine import ActiveGuard, inspect
from guards.kinds import KINDS
from guards.normalise import view_of
from guards.verdicts import Inspection


def guard(kind: str, mode: str = "block", *, slug: str = "", **fields: Any) -> ActiveGuard:
    """An active guard; unknown keywords are the kind's options."""
    own = {n: fields.pop(n) for n in ("on_error", "timeout_ms", "message") if n in fields}
    return ActiveGuard(
        slug=slug or kind,
        version=1,
        kind=kind,
        options=fields,
        mode=mode,
        options_json=json.dumps(fields, sort_keys=True),
        **({"timeout_ms": 60_000} | own),
    )


def found(kind: str, text: str, **options: Any) -> list[tuple[str, str]]:
    """(category, the stretch of the original) of each finding, in order of place."""
    findings = KINDS[kind].compile(options).find(view_of(text))
    return [
        (f.category, text[f.start : f.end])
        for f in sorted(findings, key=lambda f: (f.start, -f.end))
    ]


def redacted(text: str, *guards: ActiveGuard) -> str:
    return checked(text, *guards).texts[0]


def checked(text: str, *guards: ActiveGuard) -> Inspection:
    return inspect([text], guards, stage="input")
