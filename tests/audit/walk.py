"""Deeds at the doors, each in the same house, held against the trail, and undone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.test import Client

from accounts.models import User
from audit.models import Entry
from portal import recording
from tests.audit import ledger
from tests.cast import new_user
from tests.doors.house import House
from tests.doors.people import Person
from tests.doors.test_every_route import forget, undone

SIGN_INS = ("/account/login/", "/admin/login/")
# Whose deed it is, in this order: the first who may.
PREFERRED = ("admin", "owner", "lead", "member", "foreign", "key", "visitor", "stranger")


@dataclass
class Deed:
    """Who sends what to where. `anew` where rows were made for it: then the tables are read again before it."""

    person: Person
    path: str
    body: Any = None
    method: str = "POST"
    anew: bool = True
    asks: Any = None  # what is done instead of `person.ask`, and gives the answer


@dataclass
class Done:
    answer: Any
    page: ledger.Page

    @property
    def is_done(self) -> bool:
        """Not refused, and not led to the sign-in."""
        leads_in = self.answer.get("Location", "").startswith(SIGN_INS)
        return self.answer.status_code < 400 and not leads_in


class Walker:
    """The house, and its tables as they are before each deed."""

    def __init__(self, house: House) -> None:
        self.house, self.before = house, ledger.tables()
        self.people = {name: Person() for name in ("visitor", "stranger")} | house.people
        self.users = {
            "admin": house.cast.admin,
            "owner": house.cast.olivia,
            "lead": house.cast.adam,
            "member": house.cast.marco,
            "foreign": house.cast.sam,
        }
        self.stand_in = new_user("ida2", is_superuser=True)
        self.before = ledger.tables()

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """What is made ready within is undone with the deed."""
        try:
            with undone():
                yield
        finally:
            cache.clear()
            forget()
            for listener in recording._listeners:
                listener("portal.Setting")

    def do(self, deed: Deed) -> Done:
        """Within `prepared`. What the tables and the entries say of each other has been compared."""
        before = ledger.tables() if deed.anew else self.before
        since = ledger.last_id()
        ask = deed.asks or (lambda: deed.person.ask(deed.method, deed.path, deed.body))
        answer = ask()
        if answer.streaming:
            b"".join(answer.streaming_content)
        done = Done(answer, ledger.compared(before, ledger.tables(), since))
        assert not done.page.problems, "\n".join(done.page.problems)
        for entry in done.page.entries:
            assert entry.request_id == answer["X-Request-ID"]
            path = re.sub(r"(/reset/key/).*", r"\1", deed.path.partition("?")[0])  # a secret
            assert entry.method == deed.method
            assert entry.path.startswith(path)
            assert entry.address == "127.0.0.1"
        return done

    def acting(self, user: User) -> Person:
        """A platform admin who acts as this person, and may write. Within `prepared`."""
        person = Person(Client())
        person.client.force_login(self.stand_in)
        wanted = {"reason": "Ticket 4712: to set it right", "minutes": "15", "may_write": "on"}
        answer = person.client.post(f"/admin/accounts/user/{user.pk}/impersonate/", wanted)
        assert answer.status_code == 302, answer.content
        return person


def by(entries: list[Entry]) -> set[tuple[Any, Any]]:
    """(who acted, in whose name) of these entries, as accounts."""
    return {(entry.actor_user_id, entry.on_behalf_of_id) for entry in entries}
