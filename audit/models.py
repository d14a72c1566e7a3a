"""The trail: who did what to what, when and from where. It speaks in strings, so it outlives what it describes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.querysets import EntryQuerySet


class Entry(models.Model):
    """One line of the trail. The database refuses to change or delete it.

    `changes` is `{field: [before, after]}`; many-to-many fields are `{"added": [...], "removed": [...]}`. Secrets and
    content appear as a mask only; personal values as `{"sealed": token, "subject": "accounts.User:12"}`, so that
    destroying the subject's key later removes the value and leaves the entry.
    """

    created_at = models.DateTimeField(_("time"), default=timezone.now, editable=False)
    action = models.CharField(_("action"), max_length=64)
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.TextField(_("actor"), blank=True)
    on_behalf_of = models.TextField(_("on behalf of"), blank=True)
    target_type = models.CharField(_("type"), max_length=100, blank=True)
    target_id = models.CharField(_("id"), max_length=100, blank=True)
    target_label = models.TextField(_("target"), blank=True)
    team_id = models.BigIntegerField(null=True)
    changes = models.JSONField(_("changes"), default=dict)
    reason = models.TextField(_("reason"), blank=True)
    method = models.CharField(max_length=16, blank=True)
    path = models.TextField(blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        db_table = "audit_entry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["action", "-id"], name="audit_entry_action"),
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_entry_target"),
            models.Index(fields=["actor_id", "-id"], name="audit_entry_actor"),
            models.Index(fields=["team_id", "-id"], name="audit_entry_team"),
            models.Index(fields=["request_id"], name="audit_entry_request"),
            models.Index(fields=["created_at"], name="audit_entry_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()
