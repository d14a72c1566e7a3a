"""How far the trail got at each destination."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.recording import RecordedQuerySet

LARGEST_BATCH = 500  # entries


class Forwarding(models.Model):
    """How far one destination got, and whose turn it is. Changed with every batch, so no part of the trail itself.

    All entries up to `upto` were sent or left out, but for the ranges in `waits`: ids that were not there, and may
    still come (`audit.forwarding.following`). Who has the lease sends; who crashed loses it when it ends.
    """

    destination = models.OneToOneField(
        "audit.Destination", on_delete=models.CASCADE, primary_key=True, related_name="forwarding"
    )
    upto = models.BigIntegerField(_("forwarded up to"), default=0)
    waits = models.JSONField(default=list, blank=True)
    checkpoint = models.BigIntegerField(_("last checkpoint"), default=0)
    batch = models.PositiveIntegerField(
        default=LARGEST_BATCH, help_text="Smaller while the receiver cannot take more."
    )
    lease = models.CharField(max_length=16, blank=True, default="")
    lease_ends_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.CharField(_("last error"), max_length=20, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")
    error_at = models.DateTimeField(null=True, blank=True)
    success_at = models.DateTimeField(_("last success"), null=True, blank=True)
    sent = models.BigIntegerField(_("sent"), default=0)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        verbose_name = _("forwarding")
        verbose_name_plural = _("forwarding")

    def __str__(self) -> str:
        return f"{self.destination_id}: {self.upto}"
