"""A real browser against a live server. Whatever it complains about fails the test that caused it."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.cast import PASSWORD, Cast, build_cast
from tests.chromium import TELL_VIOLATIONS

STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

Open = Callable[..., Page]
# A machine under load is slow, and no test is about seconds.
expect.set_options(timeout=30_000)


@pytest.fixture
def cast(transactional_db) -> Cast:
    return build_cast()


class Complaints(list[str]):
    """What the browser complained about. `expected` are statuses that the test provokes."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: set[int] = set()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = STATUS.search(message.text)
        if not (status and int(status[1]) in self.expected):
            self.append(f"{message.type}: {message.text}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    heard = Complaints()
    yield heard
    assert heard == []


@pytest.fixture
def open_page(browser: Browser, live_server, complaints: Complaints) -> Iterator[Open]:
    """Opens a page in a fresh profile; options are those of a browser context."""
    contexts: list[BrowserContext] = []

    def open_one(**options) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        if options.get("java_script_enabled", True):
            context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", complaints.hear)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def sign_in(open_page: Open) -> Open:
    """Opens a page and signs this person in by the form."""

    def as_person(name: str, **options) -> Page:
        page = open_page(**options)
        page.goto("/")
        page.get_by_label("E-mail").fill(f"{name}@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page

    return as_person
