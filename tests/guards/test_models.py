"""Guards as rows: their options, versions, attachments and who may see them."""

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from guards.engine import inspect
from guards.loading import platform_and_team_guards
from guards.models import Guard, GuardAttachment, GuardEvent
from projects.models import ProjectGuard

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("words", {"patterns": ["("]}),
        ("words", {"unknown": 1}),
        ("limits", {"max_urls": -1}),
        ("personal_data", {"categories": ["nothing"]}),
        ("personal_data", ["email"]),
    ],
)
def test_options_that_a_kind_does_not_take_are_refused(kind, options):
    with pytest.raises(ValidationError):
        Guard.objects.create(slug="x", name="X", kind=kind, options=options)
    assert not Guard.objects.filter(slug="x").exists()


def test_the_version_counts_what_changes_the_verdict_and_nothing_else(cast):
    guard = cast.guards["words"]
    for field, value, version in (
        ("options", {"terms": ["atlas"]}, 2),
        ("mode", "redact", 3),
        ("name", "Our words", 3),
        ("priority", 7, 3),
        ("on_error", "allow", 4),
    ):
        setattr(guard, field, value)
        guard.save()
        guard.refresh_from_db()
        assert guard.version == version


def test_a_partial_save_counts_too(cast):
    guard = cast.guards["words"]
    guard.mode = "warn"
    guard.save(update_fields=["mode"])
    guard.refresh_from_db()
    assert guard.version == 2


def test_bulk_changes_count_too(cast):
    Guard.objects.filter(kind="words").update(mode="warn")
    assert Guard.objects.get(slug="words").version == 2
    assert Guard.objects.get(slug="secrets").version == 1
    Guard.objects.filter(kind="words").update(name="Our words")
    assert Guard.objects.get(slug="words").version == 2


def test_two_people_who_change_a_guard_at_once_make_two_versions(cast):
    first, second = (Guard.objects.get(slug="words") for _ in range(2))
    first.mode = "warn"
    first.save()
    second.message = "Not here."
    second.save()
    assert (first.version, second.version) == (2, 3)
    assert Guard.objects.get(slug="words").version == 3


@pytest.mark.parametrize("place", ["project", "team", "platform"])
def test_a_guard_in_use_cannot_be_deleted(cast, place):
    guard = cast.guards["words"]
    if place == "project":
        cast.attach(cast.assistant, "words", "output")
    else:
        team = cast.research if place == "team" else None
        GuardAttachment.objects.create(guard=guard, team=team, stage="input")
    with pytest.raises(ProtectedError):
        guard.delete()


def test_a_guard_of_another_team_is_refused(cast):
    foreign = Guard.objects.create(slug="theirs", name="T", kind="secrets", team=cast.support)
    with pytest.raises(ValidationError):
        GuardAttachment.objects.create(guard=foreign, team=cast.research, stage="input")
    with pytest.raises(ValidationError):
        GuardAttachment.objects.create(guard=foreign, team=None, stage="input")
    with pytest.raises(ValidationError):
        ProjectGuard.objects.create(project=cast.assistant, guard=foreign, stage="input")


def test_an_attachment_may_have_a_mode_of_its_own_and_inactive_guards_are_left_out(cast):
    GuardAttachment.objects.create(guard=cast.guards["words"], stage="input", mode="warn")
    GuardAttachment.objects.create(guard=cast.guards["secrets"], team=cast.research, stage="output")
    loaded = platform_and_team_guards(cast.research.pk)
    assert {(stage, g.slug, g.mode) for stage, g in loaded} == {
        ("input", "words", "warn"),
        ("output", "secrets", "block"),
    }
    Guard.objects.filter(slug="words").update(is_active=False)
    assert [g.slug for _, g in platform_and_team_guards(cast.research.pk)] == ["secrets"]
    assert [g.slug for _, g in platform_and_team_guards(cast.support.pk)] == []


def test_an_event_holds_places_and_none_of_the_text(cast):
    active = cast.guards["personal-data"].activated()
    inspection = inspect(["write to jane@example.com"], [active], stage="input")
    GuardEvent.objects.record(inspection=inspection, team_id=cast.research.pk)
    event = GuardEvent.objects.get()
    assert event.findings[0]["start"] == 9
    assert event.guard_version == 1
    stored = " ".join(str(value) for value in GuardEvent.objects.values_list().get())
    assert "jane" not in stored


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("admin", {"theirs", "ours"}),
        ("auditor", {"theirs", "ours"}),
        ("olivia", {"ours"}),
        ("adam", {"ours"}),
        ("marco", set()),
        ("vera", set()),
        ("rita", set()),
        ("sam", {"theirs"}),
    ],
)
def test_who_sees_which_guards(cast, who, seen):
    Guard.objects.create(slug="theirs", name="T", kind="secrets", team=cast.support)
    Guard.objects.create(slug="ours", name="O", kind="secrets", team=cast.research)
    visible = set(Guard.objects.visible_to(getattr(cast, who)).values_list("slug", flat=True))
    assert visible & {"theirs", "ours"} == seen
    assert ("words" in visible) is bool(seen)
