"""That a platform admin sees the portal as somebody else for a while."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import keyring
from portal.encryption import EncryptedTextField, new_uid
from portal.recording import RecordedQuerySet


class Impersonation(models.Model):
    """One impersonation. It holds in the session `session` of the admin until `ends_at`, unless it ends before.

    The reason may speak of the person, and is under their key.
    """

    class Ending(models.TextChoices):
        ENDED = "ended", _("ended")
        EXPIRED = "expired", _("expired")
        WITHDRAWN = "withdrawn", _("withdrawn: a right or the session ended")
        SIGNED_OUT = "signed_out", _("signed out")
        REPLACED = "replaced", _("replaced by the next one")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    admin = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="impersonations",
        verbose_name=_("platform admin"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="impersonated",
        verbose_name=_("person"),
    )
    session = models.CharField(max_length=32, editable=False)
    reason = EncryptedTextField(_("reason"))
    may_write = models.BooleanField(_("may write"), default=False)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ends_at = models.DateTimeField(_("ends"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    ending = models.CharField(_("how it ended"), max_length=12, choices=Ending.choices, blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["admin"],
                condition=models.Q(ended_at__isnull=True),
                name="impersonation_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.admin} · {self.user}"

    @property
    def encryption_owner(self) -> str:
        return keyring.person(self.user_id)
