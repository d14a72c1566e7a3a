"""The wrapped data keys: one row for each owner and generation."""

from typing import Self

from django.db import models
from django.utils import timezone

from portal.encryption import RingTextField, new_uid
from portal.keyring import RING, visitor


class DataKeyQuerySet(models.QuerySet):
    def destroy(self) -> int:
        """Wipes the keys and leaves tombstones."""
        now = timezone.now()
        return self.update(wrapped="", destroyed_at=now)

    def of_visitors(self) -> Self:
        return self.filter(owner__startswith=visitor(""))


class DataKey(models.Model):
    """A Fernet key under the key ring. `uid` stands before each ciphertext that it made.

    Retired keys still decrypt; each owner has one that is not. Destroyed ones are tombstones. A backup of this table
    is kept apart from the data's, and 30 days at most: then erasure reaches backups too.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    owner = models.CharField(max_length=100, db_index=True, editable=False)
    wrapped = RingTextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=models.Q(retired_at__isnull=True),
                name="data_key_one_in_use",
            )
        ]

    def __str__(self) -> str:
        return self.uid

    @property
    def encryption_owner(self) -> str:
        return RING
