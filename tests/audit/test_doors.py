"""Every door that takes a deed × what it leaves in the trail: `doors.txt` says it, route by route.

The routes are walked as the doors' own tests walk them; a new one without its line here fails and says what it leaves now.
Each deed is held against the tables (`ledger.py`): a row that changed has exactly one entry, and a true one.
"""

from pathlib import Path

import pytest

from tests.audit.deeds import ADDED, CHANGED, PREPARED, changed
from tests.audit.walk import PREFERRED, Deed
from tests.doors import table
from tests.doors.bodies import body_of
from tests.doors.house import RESEARCH, ROUTES
from tests.doors.test_every_route import address

pytestmark = pytest.mark.django_db
NOTHING = "nothing: "


def read(text: str) -> dict[str, str]:
    """What is left, by method and route. Routes that stand together leave the same."""
    found: dict[str, str] = {}
    routes: list[str] = []
    for line in text.splitlines():
        if line.startswith("    "):
            found |= dict.fromkeys(routes, line.strip())
            routes = []
        elif line and not line.startswith("#"):
            assert line not in found, f"{line} twice"
            routes.append(line)
    assert not routes
    return found


LEAVES = read((Path(__file__).parent / "doors.txt").read_text())
DEEDS = [
    (method, route)
    for route in ROUTES
    for method in sorted({method for method, _whose in table.EXPECTED.get(route, {})} - {"GET"})
]


def body_for(house, route, body):
    """As it is shown, with one change."""
    if not route.endswith(("/{object_id}/change/", "/add/")):
        return body
    table_of = ADDED if route.endswith("/add/") else CHANGED
    _admin, app, name, *_rest = route.split("/")
    label = next((one for one in table_of if one.lower() == f"{app}.{name}"), "")
    return body | changed(house, label, table_of)


def deeds_at(walker, method, route):
    """Those that might be done there, of research's row, each by another person."""
    prepare = PREPARED.get(f"{method} {route}")
    if prepare:
        yield lambda: prepare(walker)
        return
    expected = table.EXPECTED[route]
    line = expected.get((method, RESEARCH)) or expected.get((method, ""), {})
    people = [person for person in PREFERRED if line.get(person, 999) < 400]
    if people:
        path = address(walker.house, route, RESEARCH)
        body = body_for(walker.house, route, body_of(walker.house, method, route, RESEARCH))
    for person in people:
        yield lambda who=person: Deed(walker.people[who], path, body, method, anew=False)


def done_at(walker, method, route):
    """The first that is really done; None where the door is closed to everybody."""
    for deed in deeds_at(walker, method, route):
        with walker.prepared():
            done = walker.do(deed())
        if done.is_done or f"{method} {route}" in PREPARED:
            return done
    return None


@pytest.mark.parametrize(("method", "route"), DEEDS)
def test_a_deed_leaves_what_its_line_says(walker, method, route):
    done = done_at(walker, method, route)
    name = f"{method} {route}"
    if done is None:
        assert name not in LEAVES, f"{name} is closed to everybody, and needs no line"
        return
    now = "; ".join(done.page.words())
    assert name in LEAVES, f"no line; it leaves now:\n\n{name}\n    {now or NOTHING}\n"
    said = LEAVES[name]
    assert now == ("" if said.startswith(NOTHING) else said)


def test_no_line_is_without_its_route():
    assert set(LEAVES) <= {f"{method} {route}" for method, route in DEEDS}
