"""A new guard in the console: the page shows what the chosen kind takes."""

import pytest
from playwright.sync_api import expect

from guards.models import Guard

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_guard_shows_the_options_of_its_kind_and_names_what_is_wrong(sign_in, cast):
    page = sign_in("admin")
    page.goto("/admin/guards/guard/add/")
    expect(page.get_by_label("Terms", exact=True)).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("Our words")
    page.get_by_label("Kind", exact=True).select_option("words")
    expect(page.get_by_label("Terms", exact=True)).to_be_visible()
    expect(page.get_by_label("Links", exact=True)).to_be_hidden()
    page.get_by_label("Regular expressions", exact=True).fill("nimbus\n(")
    page.get_by_role("button", name="Save", exact=True).click()
    wrong = "Entry 2: no linear-time expression (missing ): ()."
    expect(page.get_by_text(wrong, exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Not saved: 1 mistake")
    page.get_by_role("alert").get_by_role("link", name="Regular expressions").click()
    expect(page.get_by_label("Regular expressions", exact=True)).to_be_focused()
    page.get_by_label("Regular expressions", exact=True).fill("nimbus")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert Guard.objects.get(slug="our-words").options == {"patterns": ["nimbus"]}
