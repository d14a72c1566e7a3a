"""What becomes of a pending change: approved, rejected, withdrawn, expired or outdated; decided once."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import notices, two_person
from accounts.models import PendingChange, User
from audit.changes import sealed
from portal.context import current, entered
from portal.errors import Refusal
from portal.recording import announce
from portal.weakenings import approved, held

Decision: Any = PendingChange.Decision
LONGEST_NOTE = 300


class _Outdated(Exception):
    """What it was about is not what it was."""


@transaction.atomic
def approve(*, by: User, change: PendingChange, note: str = "") -> PendingChange:
    """Makes the change, in the name of `by`, through each row's own save with all its checks.

    The answer says what became of it: *approved*, or *outdated* or *expired*, and then nothing was changed. Raises
    `Refusal`: `permission_denied` for whoever may not, `conflict` for one that is decided already.
    """
    row = _claimed(by, change)
    if row.expires_at <= timezone.now():
        return _decided(row, Decision.EXPIRED, None, "")
    if not two_person.may_make(row.proposed_by, row):
        words = _("Who proposed it may not do this any more.")
        return _decided(row, Decision.OUTDATED, by, words)
    try:
        with transaction.atomic():
            _make(row)
    except _Outdated:
        return _decided(row, Decision.OUTDATED, by, _("It had been changed meanwhile."))
    except (ValidationError, ProtectedError, RestrictedError, IntegrityError, Refusal) as error:
        if isinstance(error, Refusal) and error.code == "audit_unavailable":
            raise
        return _decided(row, Decision.OUTDATED, by, _("It is not possible any more."))
    return _decided(row, Decision.APPROVED, by, note)


@transaction.atomic
def reject(*, by: User, change: PendingChange, note: str = "") -> PendingChange:
    row = _claimed(by, change)
    return _decided(row, Decision.REJECTED, by, note)


@transaction.atomic
def withdraw(*, by: User, change: PendingChange) -> PendingChange:
    """By who proposed it, whatever they may do by now."""
    two_person.require_oneself(by)
    row = _locked(change)
    if row.proposed_by_id != by.pk:
        raise Refusal("permission_denied", _("Only who proposed it withdraws it."))
    return _decided(row, Decision.WITHDRAWN, by, "")


def expire_overdue() -> int:
    """Writes down that their time is over; returns how many."""
    overdue = PendingChange.objects.filter(decision="", expires_at__lte=timezone.now())
    count = 0
    for change in overdue:
        with transaction.atomic():
            try:
                _decided(_locked(change), Decision.EXPIRED, None, "")
            except Refusal as refusal:
                if refusal.code == "audit_unavailable":
                    raise
                continue  # somebody was faster
        count += 1
    return count


def _claimed(by: User, change: PendingChange) -> PendingChange:
    two_person.require_oneself(by)
    row = _locked(change)
    if row.proposed_by_id == by.pk:
        raise Refusal("permission_denied", _("Somebody else decides what you proposed."))
    if not two_person.may_decide(by, row):
        raise Refusal("permission_denied", _("Only who may make this change themselves decides."))
    return row


def _locked(change: PendingChange) -> PendingChange:
    """Nobody else decides it before this transaction ends."""
    row = PendingChange.objects.select_for_update(of=("self",)).filter(pk=change.pk).first()
    if row is None:
        raise Refusal("not_found")
    if row.decision:
        raise Refusal("conflict", _("This was decided already: %s.") % row.get_decision_display())
    return row


def _make(change: PendingChange) -> None:
    """Every step, or none. The entries of its rows say which change they are of."""
    steps = change.content["steps"]
    rows = frozenset((step["model"], step["id"]) for step in steps)
    reason = f"{change.reason} (pending change {change.uid})"
    with approved(rows), entered(replace(current(), reason=reason)):
        for step in steps:
            _make_step(step)


def _make_step(step: dict[str, Any]) -> None:
    row: Any = None
    if step["verb"] != "add":
        row = two_person.stored_row(step, lock=True)
        if row is None or not _is_as_it_was(step, row):
            raise _Outdated
    if step["verb"] == "delete":
        row.delete()
        return
    after = two_person.row_after(step, row)
    fields = {field.name for field in after._meta.concrete_fields}
    after.full_clean(exclude=fields - set(step["after"]))
    if row is None:
        after.save(force_insert=True)
    else:
        after.save(update_fields=list(step["after"]))


def _is_as_it_was(step: dict[str, Any], row: Any) -> bool:
    return all(two_person.as_kept(held(row, name)) == kept for name, kept in step["before"].items())


def _decided(change: PendingChange, decision: str, by: User | None, note: str) -> PendingChange:
    change.decision, change.decided_by, change.decided_at = decision, by, timezone.now()
    change.note = " ".join(note.split())[:LONGEST_NOTE]
    change.save(update_fields=["decision", "decided_by", "decided_at", "note"])
    changes: dict[str, Any] = {"decision": ["", str(decision)]}
    if change.proposed_by is not None:
        subject = f"accounts.User:{change.proposed_by_id}"
        email = change.proposed_by.email
        changes["proposed_by"] = [None, sealed(email, subject=subject, place="accounts.User.email")]
    if change.note:
        changes["note"] = [None, change.note]
    two_person.record(change, f"change_{decision}", changes)
    announce(PendingChange)
    if change.proposed_by_id and decision != Decision.WITHDRAWN:
        notices.tell(
            change.proposed_by_id,
            f"change_{decision}",
            what=change.target_label,
            by=by.email if by else "",
            note=f"“{change.note}”" if change.note else "",
        )
    return change
