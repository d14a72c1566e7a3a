"""A furnished portal and a browser in it, with one signed-in window a person, theme and width."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.chromium import TELL_VIOLATIONS
from tests.gates.__main__ import clean_environment
from tests.house import ROOT, House
from tests.looks.furnish import PASSWORD
from tests.servers import free_port

THEMES = ("light", "dark")
WIDTHS = (1280, 360)
STRANGERS = ("", "stranger")  # the second one signs in by deeds


class Furnished:
    """`made` are the values that pages' paths name in braces."""

    def __init__(
        self, base_url: str, made: dict[str, str], browser: Browser, **options: Any
    ) -> None:
        self.base_url, self.made, self.browser = base_url, made, browser
        self.options = options  # of each of the browser's contexts
        self.complaints: list[str] = []
        self._windows: dict[tuple[str, str, int], Page] = {}
        self._cookies: dict[str, Any] = {}

    def window(self, person: str, theme: str, width: int) -> Page:
        """This person's window, the same each time; what the browser complains about is collected."""
        where = (person, theme, width)
        if where not in self._windows:
            page = self._windows[where] = self._context(person, theme, width).new_page()
            page.on("console", self._hear)
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return self._windows[where]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _context(self, person: str, theme: str, width: int) -> BrowserContext:
        phone = {"is_mobile": True, "has_touch": True} if width < 500 else {}
        context = self.browser.new_context(
            base_url=self.base_url,
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            viewport={"width": width, "height": 800},
            storage_state=None if person in STRANGERS else self._signed_in(person),
            **{**phone, **self.options},  # type: ignore[arg-type]
        )
        context.add_init_script(TELL_VIOLATIONS)
        return context

    def _signed_in(self, person: str) -> Any:
        if person not in self._cookies:
            context = self.browser.new_context(base_url=self.base_url, **self.options)
            page = context.new_page()
            page.goto("/account/login/")
            page.get_by_label("E-mail").fill(f"{person}@example.com")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("main").get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Account and colours").wait_for()
            self._cookies[person] = context.storage_state()
            context.close()
        return self._cookies[person]


def furnish(env: dict[str, str]) -> dict[str, str]:
    """Puts into the portal of this environment what its pages show; answers the values of their paths."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.looks.furnish"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def furnished(directory: Path, browser: Browser) -> Iterator[Furnished]:
    """Serves a demo organisation from this directory, as `make run` does, and furnishes it."""
    house = House(directory, free_port(), PORTAL_ADMIN_PASSWORD=PASSWORD)
    try:
        house.wait_until_open()
        env = clean_environment(
            PORTAL_ENV="development",
            PORTAL_DATA_DIR=str(directory),
            DJANGO_SETTINGS_MODULE="portal.settings",
        )
        yield Furnished(f"http://127.0.0.1:{house.port}", furnish(env), browser)
    finally:
        if house.process.poll() is None:
            os.killpg(house.process.pid, signal.SIGTERM)
            house.process.wait(40)


def complaints(house, status):
    """What the browser complains about, but not that the answer is the one that is looked at."""
    return [words for words in house.complaints if f"a status of {status} " not in words]
