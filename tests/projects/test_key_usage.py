"""Keys that are used far above their usual: who is told, and who is not."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import Key, Notice
from audit.models import Entry
from portal.celery import app
from projects.models import Exchange
from projects.tasks import watch_keys


@pytest.fixture
def key(cast):
    cast.key(cast.marco)
    Key.objects.update(created_at=timezone.now() - timedelta(days=30))
    return Key.objects.get()


def asked(key, count, hours_ago):
    moment = timezone.now() - timedelta(hours=hours_ago)
    Exchange.objects.bulk_create(
        Exchange(project_slug="assistant", door="v1", key=key, user=key.user, created_at=moment)
        for _ in range(count)
    )


def test_far_above_its_usual_is_an_event_and_the_owner_is_told_once_a_day(key):
    asked(key, 168 * 6, 30)  # six an hour on average
    asked(key, 61, 0.5)
    assert watch_keys() == 1
    (event,) = Entry.objects.filter(action="key_usage_unusual")
    assert (event.target_id, event.reason) == (str(key.pk), "61 within an hour, usual 6.0")
    notice = Notice.objects.get()
    assert (notice.user, notice.facts["count"]) == (key.user, "61")
    assert notice.mail_due_at is not None
    assert watch_keys() == 0
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("usual", "recent"),
    [(168 * 6, 60), (0, 49), (168 * 50, 300)],
)
def test_what_is_usual_or_little_tells_nobody(key, usual, recent):
    asked(key, usual, 30)
    asked(key, recent, 0.5)
    assert watch_keys() == 0
    assert not Notice.objects.exists()


def test_a_key_that_slept_and_wakes_up_busy_is_unusual(key):
    asked(key, 50, 0.5)
    assert watch_keys() == 1


def test_older_and_later_requests_do_not_count(key):
    asked(key, 500, 24 * 9)
    asked(key, 500, 1.5)
    assert watch_keys() == 0


def test_a_key_of_a_day_has_no_usual_yet(key):
    Key.objects.update(created_at=timezone.now() - timedelta(hours=20))
    asked(key, 500, 0.5)
    assert watch_keys() == 0
    Key.objects.update(created_at=timezone.now() - timedelta(hours=49))
    asked(key, 480, 20)  # ten an hour in two days, not three in a week
    assert Key.objects.count() == 1
    Exchange.objects.filter(created_at__gte=timezone.now() - timedelta(hours=1)).delete()
    asked(key, 99, 0.5)
    assert watch_keys() == 0
    asked(key, 3, 0.5)
    assert watch_keys() == 1


def test_it_costs_the_same_for_many_keys(cast, key, django_assert_max_num_queries):
    for _ in range(10):
        cast.key(cast.marco)
    Key.objects.update(created_at=timezone.now() - timedelta(days=30))
    for other in Key.objects.all():
        asked(other, 168 * 6, 30)
        asked(other, 55, 0.5)
    with django_assert_max_num_queries(3):
        assert watch_keys() == 0


def test_beat_starts_it_every_hour():
    (line,) = [
        line
        for line in settings.CELERY_BEAT_SCHEDULE.values()
        if line["task"] == "projects.watch_keys"
    ]
    assert line["schedule"] == 3600.0
    app.loader.import_default_modules()
    assert "projects.watch_keys" in app.tasks
