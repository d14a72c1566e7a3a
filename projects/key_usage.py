"""Keys that are used far above their usual: each one's last hour against its average hour of the week before it."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from accounts import notices
from accounts.models import Key
from audit import trail
from audit.models import Entry
from projects.models import Exchange

LEAST, TIMES = 50, 10  # requests within the hour, and how many times the usual
WEEK, YOUNG, QUIET = timedelta(days=7), timedelta(days=1), timedelta(days=1)
ACTION = "key_usage_unusual"


def watch(now: datetime | None = None) -> int:
    """Looks at the keys that were busy within the last hour; returns how many owners were told."""
    now = now or timezone.now()
    hour_ago = now - timedelta(hours=1)
    busy = _counts(hour_ago, now).filter(asked__gte=LEAST)
    recent = dict(busy.values_list("key_id", "asked"))
    before = _counts(hour_ago - WEEK, hour_ago).filter(key_id__in=list(recent))
    week = dict(before.values_list("key_id", "asked"))
    told = 0
    for key in Key.objects.filter(pk__in=list(recent)):
        hours = _hours(key, hour_ago)
        if hours is None:
            continue
        usual = week.get(key.pk, 0) / hours
        if recent[key.pk] > TIMES * usual:
            told += _tell(key, recent[key.pk], usual, now)
    return told


def _counts(since: datetime, until: datetime):  # type: ignore[no-untyped-def]
    rows = Exchange.objects.filter(created_at__gte=since, created_at__lt=until, key__isnull=False)
    return rows.order_by().values("key_id").annotate(asked=Count("pk"))


def _hours(key: Key, until: datetime) -> float | None:
    """How many hours its average is of: a week's, or fewer for a younger key. One of a day has no usual yet."""
    age = until - key.created_at
    return None if age < YOUNG else min(age, WEEK) / timedelta(hours=1)


@transaction.atomic
def _tell(key: Key, asked: int, usual: float, now: datetime) -> int:
    """At most once a day a key, also where two workers look at the same time."""
    Key.objects.select_for_update().get(pk=key.pk)
    said = Entry.objects.filter(
        action=ACTION,
        target_type=Key._meta.label,
        target_id=str(key.pk),
        created_at__gt=now - QUIET,
    )
    if said.exists():
        return 0
    trail.record(action=ACTION, target=key, reason=f"{asked} within an hour, usual {usual:.1f}")
    notices.tell(key.user_id, ACTION, key=key.name, count=asked, usual=f"{usual:.1f}")
    return 1
