"""What retention did."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.recording import RecordedQuerySet


class RetentionRun(models.Model):
    """One run of one kind. Each batch counts itself here in the transaction that removes, so the count is always true.

    `by_team` is {team's id: removed}, "" for what is no team's.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        CUT_SHORT = "cut_short", _("out of time; the next run goes on")
        STOPPED = "stopped", _("stopped")
        INTERRUPTED = "interrupted", _("interrupted; the next run went on")

    kind = models.CharField(_("what"), max_length=32, editable=False)
    started_at = models.DateTimeField(_("started"), default=timezone.now, editable=False)
    touched_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.RUNNING, editable=False
    )
    removed = models.BigIntegerField(_("removed"), default=0, editable=False)
    by_team = models.JSONField(default=dict, editable=False)
    note = models.CharField(_("note"), max_length=300, blank=True, editable=False)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        verbose_name = _("run of retention")
        verbose_name_plural = _("runs of retention")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "-id"], name="retention_run_kind"),
            models.Index(
                fields=["touched_at"],
                condition=models.Q(ended_at__isnull=True),
                name="retention_run_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M}"
