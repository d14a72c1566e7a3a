"""Writing entries: of events by `record`, of changes by the recorder. If one cannot be written, nothing happens."""

from collections.abc import Sequence
from typing import Any

from django.db import Error, models, router

from audit.changes import plain
from audit.models import Entry
from audit.rows import Row, row_of
from portal.context import Actor, RequestContext, current
from portal.errors import Refusal

BATCH = 500
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
) -> None:
    """One event, in the running transaction. Raises `Refusal("audit_unavailable")` if it cannot be written.

    `target` is a saved row; what is none is named by `target_type`, `target_id` and `target_label`.
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
    context: RequestContext | None = None,
) -> Entry:
    """An unsaved entry with the circumstances of the running request. What is too long for its column is cut."""
    context = context or current()
    who = actor or context.actor
    texts = {
        "action": action,
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_label": who.label,
        "on_behalf_of": context.on_behalf_of.label if context.on_behalf_of else "",
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
        team_id=row.team_id if team_id is None else team_id,
        status=status,
        changes=plain(changes),
        **{name: plain(text)[: _WIDTHS.get(name)] for name, text in texts.items()},
    )


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
