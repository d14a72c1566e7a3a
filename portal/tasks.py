"""The platform's own upkeep."""

import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.limit_stores import ACTIVE
from portal.models import Bucket, CspReport
from portal.retention import apply

KEPT_S = 24 * 60 * 60
CSP_REPORTS_KEPT = timedelta(days=30)


@shared_task(name="portal.clear_buckets")
def clear_buckets() -> int:
    """Deletes the buckets that have been empty for a day; returns how many."""
    before = (int(time.time()) - KEPT_S) * 1_000_000
    return Bucket.objects.filter(tat__lt=before).exclude(key=ACTIVE).delete()[0]


@shared_task(name="portal.clear_csp_reports")
def clear_csp_reports() -> int:
    """Deletes what no browser has reported for 30 days; returns how many."""
    before = timezone.now() - CSP_REPORTS_KEPT
    return CspReport.objects.filter(last_at__lt=before).delete()[0]


@shared_task(name="portal.apply_retention")
def apply_retention() -> dict[str, int]:
    """Removes what was kept long enough, for a while; returns how much of each kind."""
    return {name: run.removed for name, run in apply().items()}
