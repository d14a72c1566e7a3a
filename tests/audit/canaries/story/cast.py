"""Who is in the story, and their browsers."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.audit.canaries.browser import Browser
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House, passwords_of
from tests.audit.canaries.house import secrets_of_the_environment as environment

TEAM, OTHER = "research", "support"  # as the demo organisation has them
EMAILS = "E-mail addresses"


@dataclass
class Person:
    """`who` is what the table calls them."""

    who: str
    email: str
    password: str = ""
    pk: str = ""
    browser: Any = None


@dataclass
class Cast:
    house: House
    canaries: Canaries
    people: dict[str, Person] = field(default_factory=dict)
    made: dict[str, str] = field(
        default_factory=dict
    )  # ids and addresses of what was made, by name

    def __getattr__(self, name: str) -> Person:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, who: str) -> Person:
        """Somebody with a name and an address that can be recognised."""
        mark = self.canaries.new("an e-mail address", f"{who}-{{}}@example.org").lower()
        self.canaries.keep("an e-mail address", mark)
        self.people[who] = Person(who, mark, browser=self.house.browser(who))
        return self.people[who]

    def keep_environment(self) -> None:
        for name in environment():
            for part in self.house.env[name].split(","):
                self.canaries.keep("a secret of the environment", part)
        for password in passwords_of(self.house.env).values():
            self.canaries.keep("a password of the database or of Redis", password)


def cookies(canaries: Canaries, browser: Browser) -> None:
    """The cookies that this browser holds now are secrets of its person."""
    for name, kind in (
        ("gatehouse_session", "a session's cookie"),
        ("gatehouse_device", "a device's cookie"),
        ("gatehouse_csrf", "a CSRF cookie"),
    ):
        if name in browser.cookies:
            canaries.keep(kind, browser.cookies[name])


def csrf_of(canaries: Canaries, text: str) -> None:
    for token in re.findall(r'name="csrfmiddlewaretoken" value="(\w{64})"', text):
        canaries.keep("a CSRF token of a form", token)
