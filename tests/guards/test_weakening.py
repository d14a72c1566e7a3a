"""What makes a guard, or where it is attached, weaker."""

import pytest

from guards.models import Guard, GuardAttachment
from guards.weakening import attachment_is_weaker, guard_is_weaker

MODES = ("shadow", "warn", "redact", "block")


def guard(**values):
    known = {"kind": "limits", "mode": "redact", "on_error": "block", "options": {}}
    return Guard(**{**known, **values})


@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("after", MODES)
def test_a_milder_mode_is_weaker(before, after):
    weaker = MODES.index(after) < MODES.index(before)
    assert guard_is_weaker(guard(mode=before), guard(mode=after)) is weaker


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ({}, {"is_active": False}, True),
        ({"is_active": False}, {}, False),
        ({"is_active": False}, {"is_active": False, "mode": "shadow"}, False),
        ({}, {"on_error": "allow"}, True),
        ({"on_error": "allow"}, {}, False),
        ({}, {"options": {"max_urls": 50}}, True),
        ({"options": {"max_urls": 50}}, {}, True),
        ({}, {"kind": "secrets"}, True),
        ({}, {"team_id": 7}, True),
        ({}, {"timeout_ms": 10}, False),
        ({"on_error": "allow"}, {"on_error": "allow", "timeout_ms": 10}, True),
        ({"on_error": "allow"}, {"on_error": "allow", "timeout_ms": 5000}, False),
        ({}, {"name": "Other", "message": "No.", "priority": 1}, False),
    ],
)
def test_a_guard(before, after, weaker):
    assert guard_is_weaker(guard(**before), guard(**after)) is weaker


def test_naming_a_default_changes_nothing():
    from guards.kinds import KINDS
    from guards.kinds.base import defaults_of

    defaults = defaults_of(KINDS["limits"].options)
    assert not guard_is_weaker(guard(), guard(options=defaults))


def test_a_new_guard_weakens_nothing():
    assert not guard_is_weaker(None, guard())


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ({}, {}, False),
        ({"mode": "block"}, {"mode": "warn"}, True),
        ({"mode": "warn"}, {"mode": "block"}, False),
        ({}, {"mode": "block"}, False),  # the guard's own is redact
        ({}, {"mode": "warn"}, True),
        ({"mode": "block"}, {}, True),
        ({"mode": "shadow"}, {}, False),
        ({}, {"stage": "output"}, True),
        ({}, {"team_id": 7}, True),
        ({"team_id": 7}, {}, True),
    ],
)
def test_an_attachment(before, after, weaker):
    def attached(values):
        return GuardAttachment(**{"guard": guard(pk=1), "stage": "input", **values})

    assert attachment_is_weaker(attached(before), attached(after)) is weaker


def test_attaching_is_never_weaker_and_detaching_always():
    row = GuardAttachment(guard=guard(pk=1), stage="input")
    assert not attachment_is_weaker(None, row)
    assert attachment_is_weaker(row, None)
