"""Secrets reach neither the trail nor anything else: a house is told them all, and what it wrote is searched."""

import os
import re

import pytest

from portal.classification import CONTENT, FIELDS, PERSONAL, SECRET
from tests.audit.canaries import house as houses
from tests.audit.canaries import places, story
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.searching import Searcher, forms_of
from tests.audit.canaries.table import CANARIES, NO_SECRETS, WITHOUT_CANARY
from tests.tooling.installation import ROOT

pytestmark = [pytest.mark.xdist_group("canaries")]
DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
SECRET_NAME = re.compile(r"KEY|SECRET|PASSWORD|PEPPER|TOKEN|_URL")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """(the house, its secrets, {secret: {place: form}} of all that was found)."""
    with houses.running(tmp_path_factory, DATABASE) as house:
        canaries, _cast = story.tell(house)
        searcher = Searcher(canaries.values)
        found: dict[str, dict[str, str]] = {}
        seen: dict[tuple[str, int], None] = {}
        for place, data in places.all_of(house):
            if (place, hash(data)) in seen:
                continue
            seen[place, hash(data)] = None
            for name, form in searcher.found(data).items():
                found.setdefault(name, {})[place] = form
        yield house, canaries, found


def test_no_secret_is_where_it_may_not_be(told):
    _house, _canaries, found = told
    leaks = [
        f"{name} is in: {place} ({form})"
        for name, spots in sorted(found.items())
        for place, form in sorted(spots.items())
        if not CANARIES[name].may_be_at(place)
    ]
    assert not leaks, "\n" + "\n".join(leaks)


def test_every_secret_of_the_table_was_told_and_no_other(told):
    _house, canaries, _found = told
    embedded = {"a password of the database or of Redis"} if DATABASE == "sqlite" else set()
    assert set(canaries.values) == set(CANARIES) - embedded


def test_a_place_where_a_secret_may_be_has_it(told):
    """Otherwise nothing would tell that its door was ever used, or that it is found where it is."""
    _house, _canaries, found = told
    for name in (
        "an API key", "a recovery code", "a TOTP secret", "a refresh token", "an access token", "a visitor's token",
        "a session's cookie", "a link to a new password", "a provider's secret", "a system prompt", "what was said",
        "the reason of a pending change", "an e-mail address", "a person's name", "the value of a provider's extra header",
    ):  # fmt: skip
        assert found.get(name), name
    assert found["a provider's secret"]["model server"] == "as it is"
    assert "database accounts_user.email" in found["an e-mail address"]


def test_the_house_was_looked_at_everywhere(told):
    """Pages and lists that answered, so that what they show was searched."""
    house, _canaries, _found = told
    for who, least in (("admin", 90), ("auditor", 70), ("owner", 60), ("member", 20)):
        routes = {
            places.route_of(made.path)
            for made in house.journal
            if made.who == who and made.status == 200
        }
        assert len(routes) >= least, (who, len(routes))
    asked = {places.route_of(made.path) for made in house.journal if made.who == "admin"}
    assert {
        "/admin/audit/entry/<path:object_id>/change/",
        "/api/schema/",
        "/api/audit-entries/",
    } <= asked
    assert sum(made.status == 500 for made in house.journal) >= 10


def test_every_secret_content_and_personal_field_has_a_canary():
    """Whoever adds a field that is one of these tells the story a value of it."""
    covered = {name for canary in CANARIES.values() for name in canary.fields.split()}
    wanted = {name for name, kind in FIELDS.items() if kind in (SECRET, CONTENT, PERSONAL)}
    assert wanted - covered - set(WITHOUT_CANARY) == set()
    assert (covered | set(WITHOUT_CANARY)) - wanted == set()


def test_every_secret_of_the_environment_has_a_canary():
    named = re.findall(r"^([A-Z_]+)=", (ROOT / "deploy" / "env.sample").read_text(), re.M)
    looking = {name for name in named if SECRET_NAME.search(name)}
    told = set(houses.secrets_of_the_environment()) | set(houses.URLS)
    assert looking - told - set(NO_SECRETS) == set()


@pytest.mark.parametrize("form", forms_of('Cnry-0aZ9"&é/xyz'))
def test_a_secret_is_found_in_this_form(form):
    canaries = Canaries()
    canaries.keep("it", 'Cnry-0aZ9"&é/xyz')
    written = forms_of('Cnry-0aZ9"&é/xyz')[form]
    assert Searcher(canaries.values).found(b"before " + written + b" after") == {"it": form} or form


@pytest.mark.parametrize("shift", range(3))
def test_a_secret_is_found_inside_of_longer_base64(shift):
    from base64 import b64encode, urlsafe_b64encode

    found = Searcher({"it": ["Cnry-0aZ9-of-somebody"]}).found
    for encode in (b64encode, urlsafe_b64encode):
        assert "it" in found(encode(b"a" * shift + b"Cnry-0aZ9-of-somebody" + b" and more"))
    assert found(b64encode(b"something else altogether, and long")) == {}
