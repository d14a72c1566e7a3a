"""Legal holds: what of a team or of a person stays, whatever would remove it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.encryption import new_uid
from portal.legal_holds import refuse
from portal.recording import RecordedQuerySet
from teams.models.teams import Team


def refused(collector: Any, field: models.Field, rows: Any, using: str) -> None:
    """Who is held is not deleted, and it is not said why."""
    refuse()


class LegalHold(models.Model):
    """While it is there nothing of the team, or of the person, is removed: by retention, by hand or by erasure.

    Its fields are not named `team` and `user`: an entry about it is the platform's, and whom it is about need not learn
    of it. It is lifted by deleting it; the trail keeps both.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    held_team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=refused,
        related_name="legal_holds",
        verbose_name=_("team"),
        help_text=_("All that is this team's stays. Either a team or a person."),
    )
    held_person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=refused,
        related_name="legal_holds",
        verbose_name=_("person"),
        help_text=_("All that this person said, and what the trail says of them, stays."),
    )
    reason = models.CharField(
        _("reason"),
        max_length=500,
        help_text=_("The matter and who asked for it. Platform admins and auditors read it."),
    )
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        editable=False,
        verbose_name=_("placed by"),
    )
    placed_at = models.DateTimeField(_("placed"), default=timezone.now, editable=False)

    objects = RecordedQuerySet.as_manager()
    trail_label = "uid"

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(held_team__isnull=True) ^ models.Q(held_person__isnull=True),
                name="hold_of_a_team_or_a_person",
                violation_error_message=_("Choose either a team or a person."),
            )
        ]

    def __str__(self) -> str:
        return str(self.held_team or self.held_person or "")
