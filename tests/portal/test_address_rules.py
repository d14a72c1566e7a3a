"""Address lists of the portal, the console, a team and a key; and nobody locks themselves out."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import Key
from portal.address_lists import allows, listed, validate_networks
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from portal.models import AddressRule
from projects.models import Exchange
from tests.projects.doors import question

pytestmark = pytest.mark.django_db
HOME, AWAY = "198.51.100.7", "203.0.113.9"


def rule(verdict, network, place="portal"):
    return AddressRule.objects.create(place=place, verdict=verdict, network=network)


def status(address, path="/account/login/", user=None):
    client = Client(REMOTE_ADDR=address)
    if user is not None:
        client.force_login(user)
    return client.get(path).status_code


@pytest.mark.parametrize(
    ("rules", "address", "expected"),
    [
        ([], AWAY, True),
        ([("block", "203.0.113.0/24")], AWAY, False),
        ([("block", "203.0.113.0/24")], HOME, True),
        ([("allow", "198.51.100.0/24")], HOME, True),
        ([("allow", "198.51.100.0/24")], AWAY, False),
        ([("allow", "198.51.100.0/24"), ("block", HOME)], HOME, False),
        ([("allow", "2001:db8::/32")], "2001:db8::1", True),
        ([("allow", "2001:db8::/32")], "2001:db9::1", False),
        ([("block", "203.0.113.0/24")], "::ffff:203.0.113.9", False),
        ([("allow", "198.51.100.0/24")], "", False),
        ([("allow", "198.51.100.0/24")], "nonsense", False),
    ],
)
def test_a_block_wins_and_one_allowance_closes_the_rest(rules, address, expected):
    made = [AddressRule(place="portal", verdict=v, network=n) for v, n in rules]
    assert allows(made, "portal", address) is expected
    assert allows(made, "console", address) is True


def test_the_portal_is_closed_to_blocked_addresses_at_every_door(cast):
    rule("block", "203.0.113.0/24")
    for path in ("/", "/account/login/", "/api/projects/", "/v1/models", "/admin/", "/csp-report/"):
        response = Client(REMOTE_ADDR=AWAY).get(path)
        assert response.status_code == 403, path
        if path.startswith(("/api", "/v1")):
            assert response.json()["error"]["code"] == "address_blocked"
        assert status(HOME, path) != 403, path


def test_probes_answer_whoever_asks_and_without_a_database(cast):
    rule("block", "203.0.113.0/24")
    assert status(AWAY, "/healthz") == 200
    assert status(AWAY, "/readyz") in (200, 503)


def test_the_console_has_rules_of_its_own(cast):
    rule("allow", "198.51.100.0/24", "console")
    assert status(AWAY, "/admin/", cast.admin) == 403
    assert status(HOME, "/admin/", cast.admin) == 200
    assert status(AWAY, "/", cast.admin) == 200


def test_a_header_changes_no_address(cast, settings):
    rule("block", "203.0.113.0/24")
    client = Client(REMOTE_ADDR=AWAY, headers={"X-Forwarded-For": HOME})
    assert client.get("/account/login/").status_code == 403


def test_a_change_holds_at_once(cast):
    assert status(AWAY) == 200
    made = rule("block", AWAY)
    assert status(AWAY) == 403
    made.delete()
    assert status(AWAY) == 200


def test_what_is_no_network_is_refused():
    for bad in ("", "x", "203.0.113.0/33", "203.0.113.7/24", "example.com"):
        with pytest.raises(ValidationError):
            rule("block", bad)
    validate_networks("203.0.113.0/24, 2001:db8::/32 ,198.51.100.7")
    with pytest.raises(ValidationError):
        validate_networks("203.0.113.0/24, nonsense")
    with pytest.raises(ValidationError):
        validate_networks(",".join(["198.51.100.7"] * 51))


def at(address, user=None):
    actor = Actor("user", str(user.pk)) if user else Actor("anonymous")
    return entered(RequestContext(address=address, actor=actor))


def test_nobody_locks_themselves_out(cast):
    with at(HOME):
        with pytest.raises(Refusal, match="conflict"):
            rule("block", "198.51.100.0/24")
        with pytest.raises(Refusal, match="conflict"):
            rule("allow", "203.0.113.0/24", "console")
        mine = rule("allow", "198.51.100.0/24", "console")
        rule("allow", "203.0.113.0/24", "console")
        with pytest.raises(Refusal, match="conflict"):
            mine.delete()
        mine = AddressRule.objects.get(network="198.51.100.0/24")
        with pytest.raises(Refusal, match="conflict"):
            AddressRule.objects.filter(pk=mine.pk).delete()
        mine.network = "192.0.2.0/24"
        with pytest.raises(Refusal, match="conflict"):
            mine.save()
    assert set(AddressRule.objects.values_list("network", flat=True)) == {
        "198.51.100.0/24",
        "203.0.113.0/24",
    }


def test_the_form_says_so(cast):
    client = Client(REMOTE_ADDR=HOME)
    client.force_login(cast.admin)
    data = {"place": "portal", "verdict": "block", "network": "198.51.100.0/24", "note": ""}
    page = client.post("/admin/portal/addressrule/add/", data)
    assert page.status_code == 200
    assert "your own address 198.51.100.7" in page.content.decode()
    assert not AddressRule.objects.exists()
    data["network"] = "203.0.113.0/24"
    assert client.post("/admin/portal/addressrule/add/", data).status_code == 302
    assert status(AWAY) == 403


def test_a_command_is_the_way_back_in(cast):
    rule("allow", "192.0.2.0/24", "console")
    AddressRule.objects.all().delete()
    assert status(HOME, "/admin/", cast.admin) == 200


def test_a_keys_list_holds_at_every_door(cast):
    headers = cast.bearer(cast.marco)
    Key.objects.update(allowed_addresses="198.51.100.0/24, 2001:db8::/32")
    for address, allowed in ((HOME, True), ("2001:db8::5", True), (AWAY, False)):
        client = Client(REMOTE_ADDR=address)
        for path in ("/v1/models", "/api/projects/"):
            response = client.get(path, headers=headers)
            assert response.status_code == (200 if allowed else 403), (address, path)
            if not allowed:
                assert response.json()["error"]["code"] == "address_blocked"


def ask(address, headers):
    return Client(REMOTE_ADDR=address).post(
        "/v1/chat/completions", question("say: hi"), "application/json", headers=headers
    )


def test_a_teams_list_holds_for_its_projects(cast):
    cast.research.allowed_addresses = "198.51.100.0/24"
    cast.research.save()
    headers = cast.bearer(cast.marco)
    assert ask(HOME, headers).status_code == 200
    refused = ask(AWAY, headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "address_blocked")
    assert Exchange.objects.latest("id").outcome == "address_blocked"
    assert status(AWAY, "/playground/assistant/", cast.marco) == 403
    assert status(HOME, "/playground/assistant/", cast.marco) == 200
    assert status(AWAY, "/", cast.marco) == 200
    other = Client(REMOTE_ADDR=AWAY).get("/v1/models", headers=cast.bearer(cast.sam))
    assert other.status_code == 200


def test_who_is_in_the_team_does_not_lock_themselves_out_of_it(cast):
    cast.research.allowed_addresses = "203.0.113.0/24"
    with at(HOME, cast.olivia), pytest.raises(ValidationError, match=r"198\.51\.100\.7"):
        cast.research.full_clean()
    with at(HOME, cast.admin):
        cast.research.full_clean()
    with at(AWAY, cast.olivia):
        cast.research.full_clean()


def test_an_empty_list_lets_everybody_in():
    assert listed(AWAY, "")
    assert listed(AWAY, "  ")
    assert not listed(AWAY, "198.51.100.0/24")
    assert not listed("", "198.51.100.0/24")
