"""The trail: who did what to what, when and from where. It speaks in strings, so it outlives what it describes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.destinations import Destination, Forwarding
from audit.fields import JSONTextField
from audit.labels import opened_label
from audit.querysets import EntryQuerySet
from portal.recording import RecordedQuerySet

__all__ = ["Checkpoint", "Destination", "Entry", "Forwarding"]
DONE, REFUSED, FAILED = "done", "refused", "failed"


class Entry(models.Model):
    """One line of the trail. The database refuses to change or delete it.

    `changes` is `{field: [before, after]}`; many-to-many fields are `{"added": [...]}` or `{"removed": [...]}`. Secrets and
    content appear as a mask only; personal values as `{"sealed": token, "subject": "accounts.User:12"}`, and the labels
    of people as `sealed:token`, so that destroying the person's key later removes the value and leaves the entry. Texts
    that are too long for their column are cut by `audit.trail`, so that no entry is ever lost to a width.
    `actor_user_id` is the account behind the deed (a key's owner), `subject_id` the account that the target is about.
    """

    class Outcome(models.TextChoices):
        DONE = DONE, _("done")
        REFUSED = REFUSED, _("refused")
        FAILED = FAILED, _("failed")

    created_at = models.DateTimeField(_("time"), default=timezone.now, editable=False)
    action = models.CharField(_("action"), max_length=64)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome, default=DONE)
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.CharField(_("actor's id"), max_length=64, blank=True)
    actor_user_id = models.BigIntegerField(_("actor's account"), null=True)
    actor_sealed = models.TextField(_("actor"), blank=True, db_column="actor_label")
    on_behalf_of_id = models.BigIntegerField(_("on behalf of account"), null=True)
    on_behalf_sealed = models.TextField(_("on behalf of"), blank=True, db_column="on_behalf_of")
    target_type = models.CharField(_("type"), max_length=100, blank=True)
    target_id = models.CharField(_("id"), max_length=100, blank=True)
    target_label = models.CharField(_("target"), max_length=200, blank=True)
    subject_id = models.BigIntegerField(_("person"), null=True)
    team_id = models.BigIntegerField(_("team"), null=True)
    changes = JSONTextField(_("changes"), default=dict)
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
        # One index for each way in, in the order of ids. Those of what is common also hold what it is combined with:
        # a rare combination is found in the index alone, however many entries share one half of it. The team is in
        # them for the policy on PostgreSQL, which asks for it.
        indexes = [
            models.Index(fields=["created_at", "id"], name="audit_entry_time"),
            models.Index(
                fields=["action", "id", "target_type", "outcome", "team_id"],
                name="audit_entry_action",
            ),
            models.Index(
                fields=["target_type", "id", "action", "team_id"], name="audit_entry_type"
            ),
            models.Index(
                fields=["actor_user_id", "id", "action", "target_type", "outcome", "team_id"],
                name="audit_entry_person",
            ),
            models.Index(
                fields=["team_id", "id", "action", "target_type", "outcome"],
                name="audit_entry_team",
            ),
            models.Index(
                fields=["outcome", "id", "action", "target_type", "team_id"],
                condition=~models.Q(outcome=DONE),
                name="audit_entry_outcome",
            ),
            models.Index(
                fields=["target_id", "target_type", "id", "team_id"], name="audit_entry_target"
            ),
            models.Index(fields=["target_label", "id", "team_id"], name="audit_entry_label"),
            models.Index(fields=["actor_id", "id", "action", "team_id"], name="audit_entry_actor"),
            models.Index(
                fields=["subject_id", "id", "action", "team_id"], name="audit_entry_subject"
            ),
            models.Index(fields=["address", "id", "action", "team_id"], name="audit_entry_address"),
            models.Index(fields=["request_id", "id"], name="audit_entry_request"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()

    @property
    def actor_label(self) -> str:
        """The actor's name for a reader."""
        return opened_label(self.actor_sealed, self.actor_user_id)

    @property
    def on_behalf_of(self) -> str:
        """The name of the person as whom the actor acted; empty where they acted for themselves."""
        return opened_label(self.on_behalf_sealed, self.on_behalf_of_id)


class Checkpoint(models.Model):
    """A signed seal over entries: `line` is what was signed, byte for byte as in the checkpoints file.

    `waiting` are the transactions that ran while it was made, for the next one; it is not signed.

    `first_id` and `last_id` are the least and the greatest id among its `count` entries; both 0 where it seals none. The
    database refuses to change or delete it.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now, editable=False)
    first_id = models.BigIntegerField(_("first entry"))
    last_id = models.BigIntegerField(_("last entry"))
    count = models.PositiveIntegerField(_("entries"))
    line = models.TextField(_("line"))
    waiting = models.TextField(_("transactions waited for"), blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        db_table = "audit_checkpoint"
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ["-number"]
        indexes = [models.Index(fields=["last_id", "first_id"], name="audit_checkpoint_ids")]

    def __str__(self) -> str:
        return str(self.number)


class PrunedRange(models.Model):
    """Ids that retention removed, each range in the transaction that removed them. The database refuses to change it.

    `checkpoint` is the number of the signed line that announced it. A range of 0 to 0 says that all of that is done.
    """

    checkpoint = models.BigIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        db_table = "audit_prune"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["checkpoint"], condition=models.Q(last_id=0), name="audit_prune_done"
            )
        ]

    def __str__(self) -> str:
        return f"{self.first_id}–{self.last_id}"
