"""Words: an organisation's own terms, in any script, and expressions in linear time."""

import pytest

from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions
from tests.guards.helpers import found


@pytest.mark.parametrize(
    ("term", "text", "stretch"),
    [
        ("atlas", "Project ATLAS starts", "ATLAS"),
        ("Project Atlas", "project atlas", "project atlas"),
        ("слово", "это слово тут", "слово"),
        ("秘密", "(秘密)", "秘密"),
        ("straße", "die STRASSE, die Straße", "Straße"),
        ("c++", "we use c++ here", "c++"),
        ("müller", "Herr Mu\u0308ller", "Mu\u0308ller"),
        ("atlas", "at\u200blas", "at\u200blas"),
    ],
)
def test_a_term_is_found_as_a_whole_word(term, text, stretch):
    assert found("words", text, terms=[term]) == [("term", stretch)]


@pytest.mark.parametrize("text", ["atlases", "xatlas", "atlas_1", "словоформа", ""])
def test_a_part_of_a_word_is_no_term(text):
    assert found("words", text, terms=["atlas", "слово"]) == []


def test_terms_one_after_the_other_and_overlapping_ones_are_all_found():
    texts = [s for _, s in found("words", "red red green", terms=["red", "red green"])]
    assert texts == ["red", "red green"]


def test_an_expression_is_found_and_an_empty_match_is_none():
    assert found("words", "é PRJ-1234 x", patterns=[r"PRJ-\d+", "z*"]) == [("pattern", "PRJ-1234")]


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?=a)b", "(", "a{1001}"])
def test_an_expression_that_is_not_linear_is_refused(pattern):
    with pytest.raises(InvalidOptions) as refused:
        KINDS["words"].compile({"patterns": [pattern]})
    assert refused.value.field == "patterns"


@pytest.mark.parametrize(
    "options",
    [{"terms": "a"}, {"terms": [1]}, {"terms": [""]}, {"terms": ["a"] * 1001}, {"words": []}],
)
def test_options_are_checked(options):
    with pytest.raises(InvalidOptions):
        KINDS["words"].compile(options)


def test_an_expression_made_to_run_away_is_done_in_time():
    assert found("words", "a" * 30_000 + "b", patterns=["(a*)*c"]) == []
