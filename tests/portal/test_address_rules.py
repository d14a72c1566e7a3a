"""Address lists of the portal, the console, a team and a key; and nobody locks themselves out."""

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.test import Client

from accounts.models import Key
from portal import address_lists
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
        ([("block", "203.0.113.0/24")], "", False),
        ([], "", True),
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


def test_the_consoles_rules_hold_for_management_by_the_api(cast):
    rule("allow", "198.51.100.0/24", "console")
    key = cast.bearer(cast.admin)
    for path in ("/api/users/", "/api/teams/", "/api/providers/", "/api/audit-entries/"):
        refused = Client(REMOTE_ADDR=AWAY).get(path, headers=key)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "address_blocked")
        assert Client(REMOTE_ADDR=HOME).get(path, headers=key).status_code == 200, path
        assert status(AWAY, path, cast.admin) == 403
    assert Client(REMOTE_ADDR=AWAY).get("/v1/models", headers=key).status_code == 200


def test_static_files_and_preflights_are_closed_too(cast):
    rule("block", "203.0.113.0/24")
    preflight = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    for address, closed in ((AWAY, True), (HOME, False)):
        client = Client(REMOTE_ADDR=address)
        for path in ("/static/css/tokens.css", "/static/favicon.svg", "/nowhere/"):
            assert (client.get(path).status_code == 403) is closed, path
        asked = client.options("/widget/v1/chat", headers=preflight)
        assert (asked.status_code == 403) is closed


def test_while_the_database_is_away_the_rules_stay_as_they_were(cast, monkeypatch):
    rule("block", "203.0.113.0/24")
    connection.run_on_commit = []  # as if it was committed
    assert status(AWAY, "/static/favicon.svg") == 403

    def away(*_):
        raise OperationalError

    monkeypatch.setattr(AddressRule.objects.__class__, "all", away)
    address_lists.rules.grow_old()
    assert status(AWAY, "/static/favicon.svg") == 403
    assert status(HOME, "/static/favicon.svg") == 200
    address_lists.rules.forget()
    with pytest.raises(OperationalError):
        address_lists.is_welcome(HOME, "/")


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
    mapped = ("::ffff:192.0.2.0/120", "::ffff:192.0.2.1", "::ffff:0:0/96")
    for bad in (
        "",
        "x",
        "203.0.113.0/33",
        "203.0.113.7/24",
        "example.com",
        "fe80::1%eth0",
        *mapped,
    ):
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


def test_nobody_locks_themselves_out_in_bulk(cast):
    with at(HOME):
        with pytest.raises(Refusal, match="conflict"):
            AddressRule.objects.bulk_create(
                [AddressRule(place="portal", verdict="block", network="198.51.100.0/24")]
            )
        mine = rule("block", "203.0.113.0/24")
        with pytest.raises(Refusal, match="conflict"):
            AddressRule.objects.update(network="198.51.0.0/16")
        mine.network = "198.51.0.0/16"
        with pytest.raises(Refusal, match="conflict"), transaction.atomic():
            AddressRule.objects.bulk_update([mine], ["network"])
        with pytest.raises(ValidationError):
            AddressRule.objects.update(network="nonsense")
        with pytest.raises(ValidationError):
            AddressRule.objects.bulk_create(
                [AddressRule(place="portal", verdict="block", network="::ffff:192.0.2.0/120")]
            )
    assert [row.network for row in AddressRule.objects.all()] == ["203.0.113.0/24"]


def test_nobody_locks_out_the_address_that_nobody_knows(cast):
    with (
        entered(RequestContext(address="", method="POST")),
        pytest.raises(Refusal, match="conflict"),
    ):
        rule("block", "203.0.113.0/24")
    with entered(RequestContext(address="", method="COMMAND")):
        rule("block", "203.0.113.0/24")


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


@pytest.mark.parametrize("by_key", [True, False])
def test_nor_by_the_api(cast, by_key):
    client = Client(REMOTE_ADDR=HOME)
    headers = cast.bearer(cast.olivia) if by_key else {}
    if not by_key:
        client.force_login(cast.olivia)

    def patch(**body):
        return client.patch("/api/teams/research/", body, "application/json", headers=headers)

    refused = patch(allowed_addresses="203.0.113.0/24")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert HOME in refused.json()["error"]["message"]
    cast.research.refresh_from_db()
    assert cast.research.allowed_addresses == ""
    assert patch(allowed_addresses="198.51.100.0/24").status_code == 200


def test_what_is_as_it_was_locks_nobody_out_again(cast):
    """Who is away already renames the team all the same."""
    cast.research.allowed_addresses = "203.0.113.0/24"
    cast.research.save()
    headers = cast.bearer(cast.olivia)
    renamed = Client(REMOTE_ADDR=HOME).patch(
        "/api/teams/research/", {"name": "Renamed"}, "application/json", headers=headers
    )
    assert renamed.status_code == 200, renamed.content


def test_an_empty_list_lets_everybody_in():
    assert listed(AWAY, "")
    assert listed(AWAY, "  ")
    assert not listed(AWAY, "198.51.100.0/24")
    assert not listed("", "198.51.100.0/24")
