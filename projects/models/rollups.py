"""What the usage log added up to, of lines that retention removed."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.querysets import UsageDayQuerySet


class UsageDay(models.Model):
    """A day's exchanges of a team, project, model and key that are no longer in the usage log one by one.

    A line leaves the log in the transaction that adds it here, so that both together never change. It names what it is
    of and points at nothing: it outlives them. A key or project that was none or is gone is 0. `unpriced` counts those whose
    cost is unknown; it is in no sum. Days are those of UTC.
    """

    day = models.DateField(_("day"), editable=False)
    team_id = models.BigIntegerField(_("team"), null=True, editable=False)
    project_slug = models.CharField(_("project"), max_length=64, blank=True, editable=False)
    provider_slug = models.CharField(_("provider"), max_length=64, blank=True, editable=False)
    model_name = models.CharField(_("model"), max_length=200, blank=True, editable=False)
    key_id = models.BigIntegerField(_("key"), default=0, editable=False)
    requests = models.BigIntegerField(_("exchanges"), default=0, editable=False)
    answered = models.BigIntegerField(_("answered"), default=0, editable=False)
    blocked = models.BigIntegerField(_("blocked"), default=0, editable=False)
    refused = models.BigIntegerField(_("refused"), default=0, editable=False)
    failed = models.BigIntegerField(_("failed"), default=0, editable=False)
    stopped = models.BigIntegerField(_("stopped"), default=0, editable=False)
    prompt_tokens = models.BigIntegerField(_("tokens in"), default=0, editable=False)
    completion_tokens = models.BigIntegerField(_("tokens out"), default=0, editable=False)
    cost = models.DecimalField(
        _("cost"), max_digits=20, decimal_places=6, default=Decimal(0), editable=False
    )
    unpriced = models.BigIntegerField(_("without a price"), default=0, editable=False)

    objects = UsageDayQuerySet.as_manager()

    class Meta:
        verbose_name = _("day of usage")
        verbose_name_plural = _("days of usage")
        ordering = ["-day", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("day", "team_id", "project_slug", "provider_slug", "model_name", "key_id"),
                ],
                name="usage_day_once",
            )
        ]
        indexes = [models.Index(fields=["team_id", "day"], name="usage_day_team")]

    def __str__(self) -> str:
        return f"{self.project_slug} {self.day}"
