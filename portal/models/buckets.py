"""The limiter's buckets, where the database counts."""

from django.db import models

from portal.recording import RecordedQuerySet


class Bucket(models.Model):
    """A limiter's state: the theoretical arrival time, and since when the store has known the bucket."""

    key = models.CharField(max_length=200, primary_key=True)
    tat = models.BigIntegerField(default=0)  # microseconds since 1970
    epoch = models.BigIntegerField(default=0)  # microseconds since 1970

    objects = RecordedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["tat"], name="bucket_by_time")]

    def __str__(self) -> str:
        return self.key
