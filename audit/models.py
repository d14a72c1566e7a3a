"""The trail: who did what to what, when and from where. It speaks in strings, so it outlives what it describes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.querysets import EntryQuerySet


class Entry(models.Model):
    """One line of the trail. The database refuses to change or delete it.

    `changes` is `{field: [before, after]}`; many-to-many fields are `{"added": [...]}` or `{"removed": [...]}`. Secrets and
    content appear as a mask only; personal values as `{"sealed": token, "subject": "accounts.User:12"}`, so that
    destroying the subject's key later removes the value and leaves the entry. Texts that are too long for their column
    are cut by `audit.trail`, so that no entry is ever lost to a width.
    """

    created_at = models.DateTimeField(_("time"), default=timezone.now, editable=False)
    action = models.CharField(_("action"), max_length=64)
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(_("actor's id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=320, blank=True)
    on_behalf_of = models.TextField(_("on behalf of"), blank=True)
    target_type = models.CharField(_("type"), max_length=100, blank=True)
    target_id = models.CharField(_("id"), max_length=100, blank=True)
    target_label = models.CharField(_("target"), max_length=200, blank=True)
    team_id = models.BigIntegerField(_("team"), null=True)
    changes = models.JSONField(_("changes"), default=dict)
    reason = models.TextField(_("reason"), blank=True)
    method = models.CharField(_("method"), max_length=16, blank=True)
    path = models.TextField(_("path"), blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        db_table = "audit_entry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        # One index for each way the console and the API look: filter or exact search, newest first.
        indexes = [
            models.Index(fields=["action", "-id"], name="audit_entry_action"),
            models.Index(fields=["target_type", "-id"], name="audit_entry_type"),
            models.Index(fields=["target_id", "-id"], name="audit_entry_target"),
            models.Index(fields=["target_label", "-id"], name="audit_entry_label"),
            models.Index(fields=["actor_id", "-id"], name="audit_entry_actor"),
            models.Index(fields=["actor_label", "-id"], name="audit_entry_actor_label"),
            models.Index(fields=["team_id", "-id"], name="audit_entry_team"),
            models.Index(fields=["request_id"], name="audit_entry_request"),
            models.Index(fields=["created_at"], name="audit_entry_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()
