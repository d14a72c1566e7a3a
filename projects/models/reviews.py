"""Access reviews: who had which right when one was opened, and what a person decided about it."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.encryption import new_uid
from projects.review_querysets import AccessReviewQuerySet, ReviewLineQuerySet


class AccessReview(models.Model):
    """A look at every right of a team, or of the whole platform where it names none.

    It keeps its team's id and slug, and no foreign key: it outlives the team.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    team_id = models.BigIntegerField(null=True, editable=False)
    team_slug = models.CharField(_("team"), max_length=64, blank=True, editable=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    opened_at = models.DateTimeField(_("opened"), default=timezone.now, editable=False)
    due_on = models.DateField(
        _("due on"), help_text=_("From this day on, the console's start page reminds.")
    )
    note = models.CharField(
        _("note"),
        max_length=300,
        blank=True,
        help_text=_("Why it is done, or what to look at. Everybody who decides reads it."),
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)

    objects = AccessReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["team_id", "-id"], name="access_review_team")]

    def __str__(self) -> str:
        return f"{self.team_slug or _('whole platform')} · {self.opened_at:%Y-%m-%d}"

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    @property
    def is_overdue(self) -> bool:
        return not self.is_closed and self.due_on <= timezone.localdate()


def validate_due(day: date) -> None:
    if day < timezone.localdate():
        raise ValidationError(_("This is in the past."))


class ReviewLine(models.Model):
    """One right of one person, as it was when the review was opened, and the decision about it.

    `team_id` is the review's, for the policy: the lines of a platform's review are the platform's. Which team the
    right is in says `of_team`; that, the project and the right's own row are numbers and no foreign keys, so that the
    line outlives them.
    """

    class Kind(models.TextChoices):
        MEMBERSHIP = "membership", _("in the team")
        ASSIGNMENT = "assignment", _("assigned to the project")
        PLATFORM = "platform", _("right on the platform")

    class Decision(models.TextChoices):
        OPEN = "", _("open")
        ATTESTED = "attested", _("attested")
        REVOKED = "revoked", _("revoked")
        GONE = "gone", _("gone")

    review = models.ForeignKey(AccessReview, on_delete=models.CASCADE, related_name="lines")
    team_id = models.BigIntegerField(null=True, editable=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    row_id = models.BigIntegerField(null=True)
    of_team = models.BigIntegerField(null=True)
    team_slug = models.CharField(max_length=64, blank=True)
    of_project = models.BigIntegerField(null=True)
    project_slug = models.CharField(max_length=64, blank=True)
    role = models.CharField(max_length=16)
    custom_role = models.CharField(max_length=80, blank=True)
    from_groups = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    decision = models.CharField(
        max_length=8, choices=Decision.choices, default=Decision.OPEN, blank=True
    )
    # What the right had become where it was attested after a change; empty where it was as at opening.
    attested_as = models.CharField(max_length=100, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    objects = ReviewLineQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["review", "decision"], name="review_line_decision")]

    def __str__(self) -> str:
        return f"{self.review_id} · {self.kind} · {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.decision == self.Decision.OPEN

    @property
    def right(self) -> str:
        """The role as the review knows it: a custom role's name stands in brackets behind its base."""
        return right_of(self.role, self.custom_role)


def right_of(role: str, custom_role: Any = "") -> str:
    return f"{role} ({custom_role})" if custom_role else role
