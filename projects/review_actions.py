"""Deeds of access reviews: opened, decided line by line, closed; each is in the trail with the review's uid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actions import save_user
from accounts.live_impersonations import strength
from accounts.models import User
from audit import trail
from audit.rows import pages, row_of
from portal.context import current
from portal.errors import Refusal
from projects.actions import unassign_member
from projects.models import AccessReview, ProjectMember, ReviewLine
from projects.models.reviews import validate_due
from projects.review_lines import FLAGS, Now, gathered, present
from teams.actions import remove_member
from teams.models import Membership, Team

Decision = ReviewLine.Decision


@dataclass(slots=True)
class Decided:
    """What became of the lines that were chosen together; what was refused stays open, with the words why."""

    attested: int = 0
    gone: int = 0
    refused: list[tuple[ReviewLine, str]] = field(default_factory=list)


@transaction.atomic
def open_review(*, by: Any, team: Team | None, due_on: date, note: str = "") -> AccessReview:
    """A review of this team, or of the whole platform; its lines say what is the case at this moment."""
    review = AccessReview(
        team_id=team.pk if team else None,
        team_slug=team.slug if team else "",
        opened_by=by,
        due_on=due_on,
        note=note.strip(),
    )
    if not by.has_perm("projects.add_accessreview", review):
        raise Refusal("permission_denied")
    _check_fields(review)
    review.save()
    lines = 0
    for batch in pages(gathered(review)):
        lines += len(ReviewLine.objects.bulk_create(batch))
    _record(review, "access_review_opened", changes={"lines": lines}, reason=review.note)
    return review


def _check_fields(review: AccessReview) -> None:
    try:
        written = {"due_on", "note"}
        review.clean_fields({field.name for field in review._meta.fields} - written)
        validate_due(review.due_on)
    except ValidationError as error:
        fields = error.message_dict if hasattr(error, "error_dict") else {"due_on": error.messages}
        raise Refusal("validation_failed", fields=fields) from None


@transaction.atomic
def attest_line(*, by: Any, line: ReviewLine, note: str = "", right: str = "") -> ReviewLine:
    """The right stays. Where it changed since the opening, `right` must name what it is now: `conflict` otherwise.

    A right that is gone is noted as gone. Refused: somebody's own line, one of somebody stronger, a decided one.
    """
    stored = _opened(by, line)
    now = present([stored], lock=True)[stored.pk]
    if now.is_gone:
        return _decide(by, stored, Decision.GONE, note=note)
    if now.is_changed and right != now.right:
        raise Refusal("conflict", changed_words(stored, now))
    stored.attested_as = now.right or "" if now.is_changed else ""
    return _decide(by, stored, Decision.ATTESTED, note=note)


@transaction.atomic
def attest_lines(*, by: Any, lines: Iterable[ReviewLine], note: str = "") -> Decided:
    """Many at once, each under the rules of one; what changed since the opening is looked at one by one."""
    done = Decided()
    rows = _locked([line.pk for line in lines])
    is_now = present(rows, lock=True)
    entries = []
    for line in rows:
        try:
            _check(by, line)
            now = is_now[line.pk]
            if now.is_changed and not now.is_gone:
                raise Refusal("conflict", changed_words(line, now))
        except Refusal as refusal:
            done.refused.append((line, str(refusal.message)))
            continue
        done.gone += now.is_gone
        done.attested += not now.is_gone
        decision = Decision.GONE if now.is_gone else Decision.ATTESTED
        entries.append(_settled(by, line, decision, note))
    ReviewLine.objects.bulk_update(
        [line for line in rows if not line.is_open],
        ["decision", "decided_by", "decided_at", "note"],
    )
    trail.write(entries)
    return done


@transaction.atomic
def revoke_line(*, by: Any, line: ReviewLine, note: str = "") -> ReviewLine:
    """Takes the right away by the deed that always does, with its rules; what it refuses leaves the line open."""
    stored = _opened(by, line)
    taken = _TAKERS[stored.kind](by, stored)  # it locks what it needs, in its own order
    return _decide(by, stored, Decision.REVOKED if taken else Decision.GONE, note=note)


@transaction.atomic
def close_review(*, by: Any, review: AccessReview) -> AccessReview:
    """Ends a review whose lines are all decided; what is gone by itself needs no decision. It changes no more."""
    stored = AccessReview.objects.select_for_update(of=("self",)).get(pk=review.pk)
    if not by.has_perm("projects.change_accessreview", stored):
        raise Refusal("permission_denied")
    _refuse_closed(stored)
    _note_gone(by, stored)
    if left := stored.lines.open().count():
        words = ngettext("%d line is still open.", "%d lines are still open.", left)
        raise Refusal("conflict", words % left)
    stored.closed_by, stored.closed_at = by, timezone.now()
    stored.save(update_fields=["closed_by", "closed_at"])
    _record(stored, "access_review_closed")
    return stored


def record_export(*, review: AccessReview) -> None:
    _record(review, "access_review_exported")


def _note_gone(by: Any, review: AccessReview) -> None:
    for keys in pages(list(review.lines.open().values_list("pk", flat=True))):
        rows = _locked(keys)
        is_now = present(rows)
        gone = [line for line in rows if line.is_open and is_now[line.pk].is_gone]
        entries = [_settled(by, line, Decision.GONE, "") for line in gone]
        ReviewLine.objects.bulk_update(gone, ["decision", "decided_by", "decided_at"])
        trail.write(entries)


def changed_words(line: ReviewLine, now: Now) -> str:
    """What became of a right that is not what the reviewer was shown."""
    if now.right == line.right:
        return _("This right was taken and given again since the review was opened.")
    return _("Changed since the review was opened: from %(before)s to %(now)s.") % {
        "before": line.right,
        "now": now.right,
    }


def _locked(keys: Sequence[int]) -> list[ReviewLine]:
    """In one order, so that two who decide about the same lines wait for each other and for nothing else."""
    rows = ReviewLine.objects.select_for_update(of=("self",)).filter(pk__in=keys)
    return list(rows.select_related("review", "user").order_by("pk"))


def _opened(by: Any, line: ReviewLine) -> ReviewLine:
    (stored,) = _locked([line.pk])
    _check(by, stored)
    return stored


def _check(by: Any, line: ReviewLine) -> None:
    """Raises the refusal of who may not decide about this line, now."""
    if not by.has_perm("projects.change_accessreview", line.review):
        raise Refusal("permission_denied")
    _refuse_closed(line.review)
    if not line.is_open:
        words = _("Somebody decided about this line already: %(decision)s.")
        raise Refusal("conflict", words % {"decision": line.get_decision_display()})
    if line.user_id is None:
        return
    if str(line.user_id) in {str(by.pk), acting()}:
        words = _("Nobody decides about their own line; somebody else who may does.")
        raise Refusal("permission_denied", words)
    if strength(line.user) > strength(by):
        words = _("Nobody decides about somebody stronger; a platform admin does.")
        raise Refusal("permission_denied", words)


def acting() -> str:
    """Who sits at the screen, also while they act as somebody else."""
    actor = current().actor
    return actor.id if actor.kind == "user" else ""


def _refuse_closed(review: AccessReview) -> None:
    if review.is_closed:
        raise Refusal("conflict", _("This review is closed."))


def _decide(by: Any, line: ReviewLine, decision: Any, *, note: str) -> ReviewLine:
    entry = _settled(by, line, decision, note)
    line.save(update_fields=["decision", "decided_by", "decided_at", "note", "attested_as"])
    trail.write([entry])
    return line


def _settled(by: Any, line: ReviewLine, decision: Any, note: str) -> Any:
    """Puts the decision into the row, unsaved, and returns the unsaved entry of it."""
    line.decision, line.decided_by, line.decided_at = decision, by, timezone.now()
    line.note = note.strip()[:300]
    changes = {
        "decision": ["", str(decision)],
        "kind": line.kind,
        "person": line.user_id,
        "team": line.team_slug,
        "project": line.project_slug,
        "right": line.attested_as or line.right,
    }
    row = row_of(line.review)
    return trail.entry(f"access_{decision}", row=row, changes=changes, reason=line.note)


def _record(
    review: AccessReview, action: str, *, changes: dict[str, Any] | None = None, reason: str = ""
) -> None:
    trail.record(action=action, target=review, changes=changes, reason=reason)


def _take_membership(by: Any, line: ReviewLine) -> bool:
    rows = Membership.objects.filter(team_id=line.of_team, user_id=line.user_id)
    found = rows.select_related("user").first()
    if found is not None:
        remove_member(by=by, membership=found)
    return found is not None


def _take_assignment(by: Any, line: ReviewLine) -> bool:
    rows = ProjectMember.objects.filter(project_id=line.of_project, user_id=line.user_id)
    found = rows.select_related("project").first()
    if found is not None:
        unassign_member(by=by, member=found)
    return found is not None


def _take_platform_right(by: Any, line: ReviewLine) -> bool:
    flag = FLAGS[line.role]
    found = User.objects.filter(pk=line.user_id, **{flag: True}).first()
    if found is not None:
        setattr(found, flag, False)
        save_user(by=by, user=found, fields=[flag])
    return found is not None


_TAKERS = {
    ReviewLine.Kind.MEMBERSHIP: _take_membership,
    ReviewLine.Kind.ASSIGNMENT: _take_assignment,
    ReviewLine.Kind.PLATFORM: _take_platform_right,
}
