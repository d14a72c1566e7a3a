"""Writing entries: of events by `record`, of changes by the recorder. If one cannot be written, nothing happens."""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, models

from audit.models import Entry
from portal.context import Actor, current
from portal.errors import Refusal


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
    """One event, in the running transaction. Raises `Refusal("audit_unavailable")` if it cannot be written."""
    if target is not None:
        target_type, target_id = target._meta.label, target.pk
        target_label = label_of(target)
        team_id = team_id if team_id is not None else team_of(target)
    write(
        [
            entry(
                action=action,
                target_type=target_type,
                target_id=str(target_id),
                target_label=target_label,
                team_id=team_id,
                changes=changes or {},
                reason=reason,
                actor=actor,
                status=status,
            )
        ]
    )


def entry(*, actor: Actor | None = None, reason: str = "", **fields: Any) -> Entry:
    """An unsaved entry with the circumstances of the running request."""
    context = current()
    who = actor or context.actor
    return Entry(
        actor_kind=who.kind,
        actor_id=who.id,
        actor_label=who.label,
        on_behalf_of=context.on_behalf_of.label if context.on_behalf_of else "",
        reason=reason or context.reason,
        method=context.method[:16],
        path=context.path,
        address=context.address[:64],
        request_id=context.request_id[:64],
        **fields,
    )


def write(entries: Sequence[Entry]) -> None:
    """Inserts entries in order; the caller's transaction fails with them."""
    try:
        Entry.objects.bulk_create(entries, batch_size=500)
    except DatabaseError as error:
        raise Refusal("audit_unavailable") from error


def label_of(instance: models.Model) -> str:
    """How the trail names a row: its slug or public id where it has one, never a personal value."""
    for name in ("slug", "public_id", "uid"):
        value = getattr(instance, name, None)
        if value:
            return str(value)
    return f"{instance._meta.model_name} {instance.pk}"


def team_of(instance: models.Model) -> int | None:
    """The team that a row belongs to; None where it belongs to none."""
    return getattr(instance, "team_id", None)
