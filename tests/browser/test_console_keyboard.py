"""The console without a mouse: to the content, through its menu on a phone, and to what a form calls wrong."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_key_offers_the_content(cast, sign_in):
    page = sign_in("olivia")
    page.goto("/admin/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(cast, sign_in):
    page = sign_in("olivia", viewport={"width": 360, "height": 740})
    page.goto("/admin/")
    menu = page.get_by_role("button", name="Menu")
    projects = page.locator("#navigation").get_by_role("link", name="Projects", exact=True)
    expect(projects).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(projects).to_be_visible()
    page.keyboard.press("Escape")
    expect(projects).to_be_hidden()
    expect(menu).to_be_focused()


def test_mistakes_take_the_focus_and_lead_to_their_fields(cast, sign_in):
    page = sign_in("admin")
    page.goto("/admin/teams/team/add/")
    page.locator("#id_slug").fill("not a slug")
    page.locator("#id_slug").press("Enter")
    mistakes = page.locator(".mistakes")
    expect(mistakes).to_be_focused()
    expect(mistakes).to_contain_text("Not saved: 2 mistakes")
    page.keyboard.press("Tab")
    expect(mistakes.get_by_role("link", name="Name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#id_name")).to_be_focused()


def test_a_filter_is_chosen_and_taken_back_by_keyboard(cast, sign_in):
    page = sign_in("admin")
    page.goto("/admin/projects/project/")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    choice = page.locator("#changelist-filter").get_by_role("link", name="private")
    page.locator(".filters > summary").focus()
    page.keyboard.press("Enter")
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="visibility: private").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
