"""Tokens of programs that a person signed in."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.querysets import TokenFamilyQuerySet
from portal.encryption import new_uid


class TokenFamily(models.Model):
    """All tokens that follow from one sign-in: a refresh token, of which only a digest is stored, and access tokens,
    of which nothing is. Ending it removes the row.

    It ends at `ends_at` whatever happens, at `idle_ends_at` if it is not refreshed, and with a later `session_epoch`
    of its person than `epoch`.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="token_families"
    )
    name = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    epoch = models.PositiveIntegerField()
    mfa = models.BooleanField(default=False)
    authenticated_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    refreshed_at = models.DateTimeField(default=timezone.now)
    idle_ends_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    objects = TokenFamilyQuerySet.as_manager()

    class Meta:
        ordering = ["-refreshed_at"]
        verbose_name_plural = "token families"
        indexes = [models.Index(fields=["idle_ends_at"], name="token_family_expiry")]

    def __str__(self) -> str:
        return self.name or self.uid
