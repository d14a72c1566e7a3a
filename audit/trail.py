"""Writing entries: of events by `record`, of changes by the recorder. If one cannot be written, nothing happens."""

from collections.abc import Sequence
from typing import Any

from django.db import Error, models, router

from audit.changes import plain
from audit.labels import sealed_label
from audit.models import DONE, FAILED, REFUSED, Entry
from audit.rows import Row, row_of
from portal.context import Actor, RequestContext, current
from portal.errors import Refusal
from portal.logs import scrubbed

BATCH = 500
LONGEST = 2000  # characters of a text without a width of its own
TYPED = frozenset(["target_label", "reason", "path"])
JOINERS = "\u200c\u200d"  # they show nothing and turn nothing around, and some scripts are spelt with them
_COLUMNS = [field for field in Entry._meta.concrete_fields if not field.primary_key]
_WIDTHS = {
    field.attname: field.max_length
    for field in Entry._meta.concrete_fields
    if isinstance(field, models.CharField)
}


def record(
    *,
    action: str,
    target: models.Model | None = None,
    target_type: str = "",
    target_id: Any = "",
    target_label: str = "",
    changes: dict[str, Any] | None = None,
    reason: str = "",
    team_id: int | None = None,
    actor: Actor | None = None,
    status: int | None = None,
    outcome: str = "",
) -> None:
    """One event, in the running transaction. Raises `Refusal("audit_unavailable")` if it cannot be written.

    `target` is a saved row; what is none is named by `target_type`, `target_id` and `target_label`. Without an
    `outcome` the status tells.
    """
    row = Row(target_type, str(target_id), target_label, None, "")
    if target is not None:
        row = row_of(target)
    write(
        [
            entry(
                action,
                row=row,
                changes=changes or {},
                reason=reason,
                team_id=team_id,
                actor=actor,
                status=status,
                outcome=outcome,
            )
        ]
    )


def entry(
    action: str,
    *,
    row: Row,
    changes: dict[str, Any],
    reason: str = "",
    team_id: int | None = None,
    actor: Actor | None = None,
    status: int | None = None,
    outcome: str = "",
    context: RequestContext | None = None,
) -> Entry:
    """An unsaved entry with the circumstances of the running request. What is too long for its column is cut."""
    context = context or current()
    who, whom = actor or context.actor, context.on_behalf_of
    texts = {
        "action": action,
        "outcome": outcome or _outcome_of(status),
        "actor_kind": who.kind,
        "actor_id": who.id,
        "target_type": row.type,
        "target_id": row.id,
        "target_label": row.label,
        "reason": reason or context.reason,
        "method": context.method,
        "path": context.path,
        "address": context.address,
        "request_id": context.request_id,
    }
    return Entry(
        actor_user_id=who.person_id,
        actor_sealed=sealed_label(who),
        on_behalf_of_id=whom.person_id if whom else None,
        on_behalf_sealed=sealed_label(whom) if whom else "",
        subject_id=row.subject_id,
        team_id=row.team_id if team_id is None else team_id,
        status=status,
        changes=plain(changes),
        **{name: _one_line(name, text) for name, text in texts.items()},
    )


def _one_line(name: str, text: str) -> str:
    """As its column takes it: one line that shows as it is, and no credential in what somebody typed or asked for."""
    text = plain(text)
    if name in TYPED:
        text = scrubbed(text[: 2 * LONGEST])
    if not text.isprintable():
        text = "".join(
            one if one.isprintable() or one in JOINERS else " " if one.isspace() else "\ufffd"
            for one in text
        )
    return text[: _WIDTHS.get(name, LONGEST)]


def _outcome_of(status: int | None) -> str:
    if status is None or status < 400:
        return DONE
    return REFUSED if status < 500 else FAILED


def write(entries: Sequence[Entry]) -> None:
    """Inserts entries in order; the caller's transaction fails with them.

    Their ids are not asked for: who may add an entry may not always read it.
    """
    using = router.db_for_write(Entry)
    try:
        for first in range(0, len(entries), BATCH):
            Entry._base_manager._insert(
                entries[first : first + BATCH], fields=_COLUMNS, using=using
            )
    except Error as error:
        raise Refusal("audit_unavailable") from error
