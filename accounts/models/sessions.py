"""Sessions of browsers, and where people and keys were seen before."""

from typing import Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from accounts.querysets import SessionQuerySet
from portal.encryption import new_uid
from portal.recording import RecordedQuerySet


class Session(AbstractBaseSession):
    """A browser's session. `session_key` is a hash of its cookie; `expire_date` ends it if nobody comes by, `ends_at`
    ends it whatever happens. `epoch` is the owner's when they signed in: a later one of theirs ends it too."""

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions"
    )
    epoch = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    objects = SessionQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-last_seen_at"]
        indexes = [models.Index(fields=["expire_date"], name="session_expiry")]

    @classmethod
    def get_session_store_class(cls) -> Any:
        from accounts.sessions import SessionStore

        return SessionStore


class Sighting(models.Model):
    """That an account or key was seen with a device or from a network; only a hash of which.

    `owner` is "user:12" or "key:5", `kind` *device* or *network*.
    """

    owner = models.CharField(max_length=32)
    kind = models.CharField(max_length=8)
    digest = models.CharField(max_length=64)
    first_seen_at = models.DateTimeField(default=timezone.now)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "kind", "digest"], name="sighting_once")
        ]

    def __str__(self) -> str:
        return f"{self.owner} · {self.kind}"
