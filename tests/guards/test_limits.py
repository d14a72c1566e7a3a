"""Limits: length, links and phone numbers of one text."""

import pytest

from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions
from tests.guards.helpers import found


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("a" * 8193, "length"),
        ("https://a.example " * 6, "urls"),
        ("+1 415-555-2671, " * 4, "phones"),
    ],
)
def test_one_more_than_allowed_is_a_finding(text, category):
    assert [name for name, _ in found("limits", text)] == [category]


@pytest.mark.parametrize("text", ["a" * 8192, "www.a.example " * 5, "+1 415-555-2671, " * 3])
def test_the_limit_itself_is_allowed(text):
    assert found("limits", text) == []


@pytest.mark.parametrize("value", [-1, True, "5", 1.5, None])
def test_limits_are_whole_numbers(value):
    with pytest.raises(InvalidOptions):
        KINDS["limits"].compile({"max_urls": value})
