"""A second factor in a browser: set up, signed in with, recovered by, and demanded."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.accounts.codes import code_of
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


class App:
    """The app on a phone: its next code each time, waiting for none, for a code of the next step is taken too."""

    def __init__(self, page: Page) -> None:
        self.secret = page.locator("#factor-secret").inner_text()
        self.step = int(time.time()) // 30 - 2

    def code(self) -> str:
        self.step = max(self.step + 1, int(time.time()) // 30 - 1)
        return code_of(self.secret, self.step * 30)


def first_step(page: Page, name: str) -> None:
    page.goto("/account/login/")
    page.get_by_label("E-mail").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def second_step(page: Page, code: str) -> None:
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    page.get_by_role("textbox", name="Code").fill(code)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Account and colours").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def kept_codes(page: Page) -> list[str]:
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    return codes


@pytest.mark.parametrize("scripts", [True, False])
def test_one_sets_it_up_signs_in_with_it_and_with_a_recovery_code(cast, sign_in, scripts):
    page = sign_in("marco", java_script_enabled=scripts)
    page.goto("/account/")
    page.get_by_role("link", name="Second factor").click()
    page.get_by_role("button", name="Set up", exact=True).click()
    expect(page.locator(".qr svg")).to_be_visible()
    app = App(page)
    page.get_by_role("textbox", name="Code").fill(app.code())
    page.get_by_role("button", name="Confirm").click()
    codes = kept_codes(page)
    expect(page.get_by_text("10 are left")).to_be_visible()
    if scripts:
        sign_out(page)
    else:
        page.context.clear_cookies()
    first_step(page, "marco")
    second_step(page, app.code())
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    page.context.clear_cookies()
    first_step(page, "marco")
    second_step(page, codes[0].lower())
    page.goto("/account/second-factor/")
    expect(page.get_by_text("9 are left")).to_be_visible()
    page.goto("/account/notices/")
    expect(page.get_by_role("heading", name="A recovery code was used")).to_be_visible()


def test_who_must_have_one_is_led_through_and_goes_on_where_they_wanted_to(cast, open_page):
    cast.research.second_factor_required = True
    cast.research.save()
    page = open_page()
    page.goto("/playground/assistant/")
    page.get_by_label("E-mail").fill("marco@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    app = App(page)
    page.get_by_role("textbox", name="Code").fill("not a code")
    page.get_by_role("button", name="Confirm and sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("textbox", name="Code").fill(app.code())
    page.get_by_role("button", name="Confirm and sign in").click()
    kept_codes(page)
    expect(page.get_by_role("heading", name="Assistant")).to_be_visible()
    page.goto("/account/second-factor/")
    expect(page.get_by_role("button", name="Remove the second factor")).to_have_count(0)


def test_the_codes_are_copied_with_a_button(cast, sign_in):
    page = sign_in("marco")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/account/second-factor/")
    page.get_by_role("button", name="Set up", exact=True).click()
    page.get_by_role("textbox", name="Code").fill(App(page).code())
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="✓")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.split() == page.locator("#recovery-codes").inner_text().split()
