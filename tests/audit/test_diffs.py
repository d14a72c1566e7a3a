"""Before and after in the entry's page: what went and what came, and why something is not shown."""

import pytest

from audit.changes import sealed
from audit.diffs import CAME, GONE, SAME, lines, texts, words
from portal import keyring
from portal.encryption import MASK


def one(change, target_type="projects.Project", name="description"):
    [found] = lines(target_type, {name: change})
    return found


def marked(side):
    return [(part.text, part.mark) for part in side.parts]


def test_of_a_text_the_words_that_went_and_came_are_marked():
    before, after = words("Answer kindly, in English.", "Answer briefly, in English and French.")
    assert ("kindly", GONE) in marked(before)
    assert ("briefly", CAME) in marked(after)
    assert "".join(text for text, _mark in marked(before)) == "Answer kindly, in English."
    assert "".join(text for text, _mark in marked(after)) == (
        "Answer briefly, in English and French."
    )


def test_texts_with_nothing_in_common_are_marked_as_a_whole():
    before, after = words("red", "something else entirely")
    assert marked(before) == [("red", GONE)]
    assert marked(after) == [("something else entirely", CAME)]


def test_a_very_long_text_is_not_compared_word_by_word():
    before, after = words("a " * 20_000, "b " * 20_000)
    assert [part.mark for part in before.parts + after.parts] == [GONE, CAME]


def test_of_lists_the_items_that_stand_on_one_side_alone_are_marked():
    found = one([["chat", "audit:read"], ["chat", "usage:read"]], "accounts.Key", "scopes")
    assert marked(found.before) == [("chat", SAME), ("audit:read", GONE)]
    assert marked(found.after) == [("chat", SAME), ("usage:read", CAME)]


def test_of_options_each_is_compared_by_its_name():
    found = one([{"max": 5, "mode": "a"}, {"max": 9, "mode": "a", "new": True}], name="options")
    assert marked(found.before) == [("max: 5", GONE), ("mode: a", SAME)]
    assert marked(found.after) == [("max: 9", CAME), ("mode: a", SAME), ("new: yes", CAME)]


def test_many_to_many_relations_are_items_that_came_and_went():
    found = one({"added": [1, 2], "removed": [7]}, name="members")
    assert marked(found.before) == [("7", GONE)]
    assert marked(found.after) == [("1", CAME), ("2", CAME)]


def test_of_a_long_list_what_changed_comes_and_the_rest_is_counted():
    items = [str(n) for n in range(500)]
    found = one([items, [*items, "new"]], name="options")
    assert marked(found.after) == [("new", CAME)]
    assert found.after.left_out == 500


def test_a_field_and_its_choices_are_said_in_words():
    found = one(["private", "public"], name="visibility")
    assert found.label == "Visibility"
    assert list(texts(found)) != ["private", "public"]
    assert one([True, False], "accounts.User", "is_active").before.parts[0].text == "yes"


def test_what_is_masked_says_that_it_was_never_recorded():
    found = one([MASK, MASK], name="system_prompt")
    assert "never recorded" in found.before.says
    assert "never recorded" in found.after.says


@pytest.mark.django_db
def test_personal_values_are_opened_until_their_person_is_erased():
    owner = keyring.person(4711)
    value = sealed("zoe@example.com", subject=owner, place="accounts.User.email")
    change = [None, value]
    assert one(change, "accounts.User", "email").after.parts[0].text == "zoe@example.com"
    [hidden] = lines("accounts.User", {"email": change}, opens=lambda: False)
    assert hidden.after.says == "personal, not shown"
    keyring.destroy(owner)
    assert "erased" in one(change, "accounts.User", "email").after.says


@pytest.mark.parametrize(
    "change",
    [None, 5, "text", [], [1], [1, 2, 3], {}, {"a": 1}, [[], None], [{"a": []}, {}], [0, ""]],
)
def test_nothing_that_an_event_may_hold_breaks_the_page(change):
    found = one(change, target_type="gone.Model", name="some_field")
    assert found.label == "Some field"
