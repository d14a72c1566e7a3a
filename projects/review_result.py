"""The result of an access review as CSV: each line, as it was at opening, and what was decided."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from projects.models import AccessReview, ReviewLine
from projects.review_lines import READ

COLUMNS = (
    *("review", "team", "opened_at", "closed_at", "line", "kind", "person", "in_team", "project"),
    *("role", "custom_role", "from_groups", "since", "last_used_at"),
    *("decision", "attested_as", "decided_by", "decided_at", "note"),
)


def rows(review: AccessReview) -> Iterator[tuple[Any, ...]]:
    """With a head; people by e-mail, those who no longer exist in words."""
    yield COLUMNS
    about = (review.uid, review.team_slug, _time(review.opened_at), _time(review.closed_at))
    lines = review.lines.select_related("user", "decided_by").order_by("pk")
    for line in lines.iterator(READ):
        yield (*about, *_cells(line))


def _cells(line: ReviewLine) -> tuple[Any, ...]:
    return (
        line.pk,
        line.kind,
        line.user.email if line.user else _("a person who no longer exists"),
        line.team_slug,
        line.project_slug,
        line.role,
        line.custom_role,
        "yes" if line.from_groups else "no",
        _time(line.since),
        _time(line.last_used_at),
        line.decision or "open",
        line.attested_as,
        line.decided_by.email if line.decided_by else "",
        _time(line.decided_at),
        line.note,
    )


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def file_name(review: AccessReview) -> str:
    return f"access-review-{review.team_slug or 'platform'}-{review.opened_at:%Y-%m-%d}.csv"
