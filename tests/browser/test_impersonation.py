"""Acting as somebody else in a real browser, through the page that asks once more who one is."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import Impersonation, Session
from guards.models import Guard
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def stale(page) -> None:
    """As sixteen minutes after the sign-in."""
    key = next(c["value"] for c in page.context.cookies() if c["name"] == "gatehouse_session")
    store = Session.get_session_store_class()(key)
    store["fresh_at"] -= 16 * 60
    store.save()


def begin(page, cast, person="marco", *, act=False) -> None:
    page.goto(f"/admin/accounts/user/{getattr(cast, person).pk}/change/")
    page.get_by_role("link", name="Act as this person").click()
    page.get_by_label("Reason").fill("Ticket 4711: the assistant is missing")
    page.get_by_label("For how long").select_option("5")
    if act:
        page.get_by_label("Act, not only look").check()
    page.get_by_role("button", name="Start").click()


def confirm(page) -> None:
    expect(page.get_by_role("heading", name="Confirm who you are")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


@pytest.mark.parametrize("width", [1280, 360])
def test_the_whole_way_from_the_console_and_back(sign_in, cast, complaints, width):
    complaints.expected |= {403}
    page = sign_in("admin", viewport={"width": width, "height": 800})
    stale(page)
    begin(page, cast)
    confirm(page)
    page.wait_for_url("**/")
    banner = page.get_by_role("region", name="Impersonation")
    expect(banner).to_contain_text("act as marco@example.com, to look only, until")
    expect(banner.get_by_role("timer")).to_have_text(re.compile(r"^[45]:\d\d$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Assistant").first.click()
    expect(banner).to_be_visible()
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_text("You act as yourself again.")).to_be_visible()
    expect(page.get_by_role("heading", name="marco@example.com", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Impersonation")).to_have_count(0)
    assert Impersonation.objects.get().ending == "ended"


def test_the_banner_does_not_move_the_page_and_says_when_it_is_over(sign_in, cast):
    page = sign_in("admin")
    page.clock.install()
    begin(page, cast)
    page.wait_for_url("**/")
    banner = page.get_by_role("region", name="Impersonation")
    timer = banner.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^[45]:\d\d$"))
    height = banner.bounding_box()["height"]
    page.clock.run_for(130_000)
    expect(timer).to_have_text(re.compile(r"^2:\d\d$"))
    assert banner.bounding_box()["height"] == height
    page.clock.run_for(130_000)
    expect(banner.get_by_role("status")).to_have_text("One minute is left.")
    page.clock.run_for(60_000)
    expect(timer).to_have_text("0:00")
    expect(banner.get_by_role("status")).to_contain_text("It is over")


def test_without_scripts(sign_in, cast, complaints):
    complaints.expected |= {403}
    page = sign_in("admin", java_script_enabled=False)
    stale(page)
    begin(page, cast)
    confirm(page)
    page.get_by_role("button", name="Go on").click()
    banner = page.get_by_role("region", name="Impersonation")
    expect(banner).to_contain_text(re.compile(r"until \d\d:\d\d UTC"))
    banner.get_by_role("button", name="End").click()
    expect(page.get_by_text("You act as yourself again.")).to_be_visible()


def test_a_form_of_the_console_goes_on_by_itself_once_one_has_confirmed(sign_in, cast, complaints):
    complaints.expected |= {403}
    page = sign_in("admin")
    stale(page)
    guard = cast.guards["personal-data"]
    page.goto(f"/admin/guards/guard/{guard.pk}/change/")
    page.get_by_label("Name", exact=True).fill('Personal "data" & <more>')
    page.get_by_label("Mode", exact=True).select_option("shadow")
    page.get_by_label("Message", exact=True).fill("Ünïcode, stays.")
    page.get_by_role("button", name="Save", exact=True).click()
    confirm(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert page.url.endswith("/admin/guards/guard/")
    stored = Guard.objects.get(pk=guard.pk)
    assert (stored.name, stored.mode, stored.message) == (
        'Personal "data" & <more>',
        "shadow",
        "Ünïcode, stays.",
    )
    assert stored.options == guard.options
