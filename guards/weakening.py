"""When a guard, or where it is attached, becomes weaker. Weakening asks who one is, strengthening does not.

What a guard looks for cannot be compared: any other option may let something pass, so it counts as weaker.
"""

from typing import Any

from guards.kinds import KINDS
from guards.kinds.base import defaults_of
from guards.models import OnError

STRICTNESS = ("shadow", "warn", "redact", "block")


def is_milder(before: str, after: str) -> bool:
    return STRICTNESS.index(after) < STRICTNESS.index(before)


def guard_is_weaker(before: Any, after: Any) -> bool:
    """Of a stored guard that would become `after`. A new one weakens nothing, one that is off looks at nothing.

    One that is deleted was attached nowhere: the database keeps the others.
    """
    if before is None or after is None or not before.is_active:
        return False
    return (
        not after.is_active
        or before.kind != after.kind
        or before.team_id != after.team_id
        or is_milder(before.mode, after.mode)
        or (before.on_error == OnError.BLOCK and after.on_error != OnError.BLOCK)
        or (after.on_error != OnError.BLOCK and after.timeout_ms < before.timeout_ms)
        or _effective_options(before) != _effective_options(after)
    )


def attachment_is_weaker(before: Any, after: Any) -> bool:
    """Of a guard on the platform, a team or a project: removed, moved away, or in a milder mode."""
    if before is None:
        return False
    if after is None:
        return True
    places = ("guard_id", "stage", "team_id", "project_id")
    if any(getattr(before, name, None) != getattr(after, name, None) for name in places):
        return True
    return is_milder(before.mode or before.guard.mode, after.mode or after.guard.mode)


def _effective_options(guard: Any) -> dict[str, Any]:
    """With the kind's defaults for what is not named."""
    kind = KINDS.get(guard.kind)
    return {**(defaults_of(kind.options) if kind else {}), **guard.options}
