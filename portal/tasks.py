"""The platform's own upkeep."""

import time

from celery import shared_task

from portal.limit_stores import ACTIVE
from portal.models import Bucket

KEPT_S = 24 * 60 * 60


@shared_task(name="portal.clear_buckets")
def clear_buckets() -> int:
    """Deletes the buckets that have been empty for a day; returns how many."""
    before = (int(time.time()) - KEPT_S) * 1_000_000
    return Bucket.objects.filter(tat__lt=before).exclude(key=ACTIVE).delete()[0]
