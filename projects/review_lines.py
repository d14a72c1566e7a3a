"""What an access review looks at: the rights as they are, in a few queries however many there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from audit.models import Entry
from projects.models import AccessReview, Exchange, ProjectMember, ReviewLine
from projects.models.reviews import right_of
from teams.models import Membership

ADMIN, AUDITOR = "platform-admin", "auditor"
FLAGS = {ADMIN: "is_superuser", AUDITOR: "is_auditor"}
READ = 2000  # rows of a right that are in memory at once
Kind = ReviewLine.Kind


@dataclass(frozen=True, slots=True)
class Now:
    """What became of a right since its review was opened: `right` is None where it is gone."""

    right: str | None
    is_changed: bool

    @property
    def is_gone(self) -> bool:
        return self.right is None


GONE = Now(None, True)


def gathered(review: AccessReview) -> Iterator[ReviewLine]:
    """The unsaved lines of a new review: memberships, assignments, and for the whole platform its rights."""
    if review.team_id is None:
        yield from _of_platform(review)
    yield from _of_memberships(review)
    yield from _of_assignments(review)


def _line(review: AccessReview, kind: Any, **values: Any) -> ReviewLine:
    return ReviewLine(review=review, team_id=review.team_id, kind=kind, **values)


def _of_memberships(review: AccessReview) -> Iterator[ReviewLine]:
    since = _since(
        review, Membership, Q(changes__contains='"role":') | Q(changes__contains='"custom_role":')
    )
    rows = Membership.objects.order_by("team__slug", "user__email").values(
        "pk", "user_id", "team_id", "role", "from_groups",
        slug=F("team__slug"), own=F("custom_role__name"),
        used=_newest(user_id=OuterRef("user_id"), team_id=OuterRef("team_id")),
    )  # fmt: skip
    for row in _within(rows, review, "team_id").iterator(READ):
        yield _line(
            review,
            Kind.MEMBERSHIP,
            user_id=row["user_id"],
            row_id=row["pk"],
            of_team=row["team_id"],
            team_slug=row["slug"],
            role=row["role"],
            custom_role=row["own"] or "",
            from_groups=row["from_groups"],
            since=since.get(str(row["pk"])),
            last_used_at=row["used"],
        )


def _of_assignments(review: AccessReview) -> Iterator[ReviewLine]:
    since = _since(review, ProjectMember)
    role = Membership.objects.filter(
        user_id=OuterRef("user_id"), team_id=OuterRef("project__team_id")
    )
    rows = ProjectMember.objects.order_by("project__slug", "user__email").values(
        "pk", "user_id", "project_id",
        slug=F("project__slug"), team=F("project__team_id"), of=F("project__team__slug"),
        role=Subquery(role.order_by().values("role")[:1]),
        used=_newest(user_id=OuterRef("user_id"), project_id=OuterRef("project_id")),
    )  # fmt: skip
    for row in _within(rows, review, "project__team_id").iterator(READ):
        yield _line(
            review,
            Kind.ASSIGNMENT,
            user_id=row["user_id"],
            row_id=row["pk"],
            of_team=row["team"],
            team_slug=row["of"],
            of_project=row["project_id"],
            project_slug=row["slug"],
            role=row["role"] or "",
            since=since.get(str(row["pk"])),
            last_used_at=row["used"],
        )


def _of_platform(review: AccessReview) -> Iterator[ReviewLine]:
    people = User.objects.filter(Q(is_superuser=True) | Q(is_auditor=True)).order_by("email")
    people = people.annotate(used=_newest(user_id=OuterRef("pk")))
    since = {
        role: _since(review, User, Q(changes__contains=f'"{flag}":'), created=False)
        for role, flag in FLAGS.items()
    }
    for user in people:
        for role, flag in FLAGS.items():
            if getattr(user, flag):
                yield _line(
                    review,
                    Kind.PLATFORM,
                    user_id=user.pk,
                    row_id=user.pk,
                    role=role,
                    since=since[role].get(str(user.pk)),
                    last_used_at=user.used,
                )


def _within(rows: Any, review: AccessReview, column: str) -> Any:
    return rows if review.team_id is None else rows.filter(**{column: review.team_id})


def _newest(**whose: Any) -> Subquery:
    """When the newest exchange was, by an index of its own."""
    rows = Exchange.objects.filter(**whose).order_by("-id").values("created_at")
    return Subquery(rows[:1])


def _since(
    review: AccessReview, model: type, changed: Q | None = None, *, created: bool = True
) -> dict[str, datetime]:
    """From the trail: when each row was made, or changed so; what it does not know is missing."""
    wanted = Q(action="create")
    if changed is not None:
        wanted = (wanted if created else Q(action="create") & changed) | (
            Q(action="update") & changed
        )
    entries = Entry.objects.filter(wanted, target_type=model._meta.label)  # type: ignore[attr-defined]
    if review.team_id is not None:
        entries = entries.filter(team_id=review.team_id)
    found = entries.order_by("id").values_list("target_id", "created_at")
    return dict(found.iterator(READ))


def present(lines: Iterable[ReviewLine], *, lock: bool = False) -> dict[int, Now]:
    """What these rights are now, by line; with `lock` they stay so until the transaction ends."""
    rows = list(lines)
    found = {line.pk: GONE for line in rows}
    for kind, look in _LOOKS.items():
        mine = [line for line in rows if line.kind == kind and line.user_id is not None]
        if mine:
            found |= look(mine, lock)
    return found


def _locked(rows: QuerySet, lock: bool) -> QuerySet:
    return rows.select_for_update(of=("self",)) if lock else rows


def _memberships(lines: list[ReviewLine], lock: bool) -> dict[int, Now]:
    rows = Membership.objects.filter(
        team_id__in={line.of_team for line in lines}, user_id__in={line.user_id for line in lines}
    ).order_by()
    is_now = {
        (row.team_id, row.user_id): row for row in _locked(rows.select_related("custom_role"), lock)
    }
    found = {}
    for line in lines:
        row = is_now.get((line.of_team, line.user_id))
        if row is not None:
            right = right_of(row.role, row.custom_role or "")
            found[line.pk] = Now(right, right != line.right or row.pk != line.row_id)
    return found


def _assignments(lines: list[ReviewLine], lock: bool) -> dict[int, Now]:
    rows = ProjectMember.objects.filter(
        project_id__in={line.of_project for line in lines},
        user_id__in={line.user_id for line in lines},
    ).order_by()
    is_now = {(row.project_id, row.user_id): row.pk for row in _locked(rows, lock)}
    return {
        line.pk: Now(line.right, is_now[key] != line.row_id)
        for line in lines
        if (key := (line.of_project, line.user_id)) in is_now
    }


def _platform(lines: list[ReviewLine], lock: bool) -> dict[int, Now]:
    rows = User.objects.filter(pk__in={line.user_id for line in lines}).order_by()
    is_now = {user.pk: user for user in _locked(rows, lock)}
    return {
        line.pk: Now(line.role, False)
        for line in lines
        if getattr(is_now.get(line.user_id), FLAGS[line.role], False)
    }


_LOOKS = {
    Kind.MEMBERSHIP: _memberships,
    Kind.ASSIGNMENT: _assignments,
    Kind.PLATFORM: _platform,
}
