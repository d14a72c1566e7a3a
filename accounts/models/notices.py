"""What a person is told about their account."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.querysets import OwnedQuerySet
from portal import keyring
from portal.encryption import EncryptedTextField, new_uid, readable


class Notice(models.Model):
    """One notice. `details` is a JSON object of what its words name, under the person's key.

    `mail_due_at`: when it is to be mailed, or mailed again; empty where nothing is.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    details = EncryptedTextField(default="{}")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    mail_due_at = models.DateTimeField(null=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_of_user"),
            models.Index(
                fields=["mail_due_at"],
                name="notice_to_mail",
                condition=models.Q(mail_due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.kind

    @property
    def encryption_owner(self) -> str:
        return keyring.person(self.user_id)

    @property
    def facts(self) -> dict[str, Any]:
        """What the words name; empty where it cannot be read any more."""
        found = readable(self, "details")
        return json.loads(found) if found else {}
