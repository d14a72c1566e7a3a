"""Changes that wait for a second person."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.querysets import PendingChangeQuerySet
from portal import keyring
from portal.encryption import EncryptedJSONField, SealedModel, new_uid


class PendingChange(SealedModel):
    """What somebody proposed and somebody else decides. `content` holds its steps: rows with their values.

    It names its row and team without pointing at them: what was decided stays when they go.
    """

    class Verb(models.TextChoices):
        CHANGE = "change", _("change")
        DELETE = "delete", _("delete")
        ADD = "add", _("add")

    class Decision(models.TextChoices):
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")
        OUTDATED = "outdated", _("outdated: what it was about had changed")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    target_model = models.CharField(_("what"), max_length=100, editable=False)
    target_id = models.CharField(max_length=64, blank=True, editable=False)
    target_label = models.CharField(_("which"), max_length=200, editable=False)
    # "|projects.Project:3|guards.Guard:4|": every row it is about, for their own pages.
    rows = models.TextField(editable=False)
    team_id = models.BigIntegerField(_("team"), null=True, editable=False, db_index=True)
    verb = models.CharField(_("change"), max_length=10, choices=Verb.choices, editable=False)
    content = EncryptedJSONField(editable=False)
    reason = models.CharField(_("reason"), max_length=300, editable=False)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("proposed by"),
    )
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    decision = models.CharField(
        _("decision"), max_length=10, choices=Decision.choices, blank=True, default=""
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    objects = PendingChangeQuerySet.as_manager()
    owned_by = ("team_id",)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["decision", "expires_at"], name="pending_change_open")]

    def __str__(self) -> str:
        return self.target_label

    @property
    def encryption_owner(self) -> str:
        return keyring.team(self.team_id) if self.team_id else keyring.PLATFORM

    @property
    def waits(self) -> bool:
        return not self.decision and self.expires_at > timezone.now()

    @property
    def state(self) -> str:
        """*waiting*, or how it ended; overdue ones have expired though nobody wrote it down yet."""
        if self.decision:
            return self.decision
        return "waiting" if self.waits else "expired"
