"""Sensitive changes in the console and the API: each asks once more who one is, and nothing else does."""

import json

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from accounts.models import Key, User
from audit.models import Destination
from guards.models import GuardAttachment
from portal import sensitive
from portal.address_lists import is_wider
from portal.models import AddressRule, Provider
from projects.models import KeyProject, Project, ProjectGuard
from teams.models import LegalHold, Team
from tests.accounts.test_confirming import stale

RULE = {"place": "console", "verdict": "block", "network": "203.0.113.9"}


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def is_asked(answer):
    return answer.status_code == 403 and b"Confirm who you are" in answer.content


def form_of(client, address, **changes):
    """What the page at this address would send, changed."""
    page = client.get(address)
    assert page.status_code == 200
    form = page.context["adminform"].form
    values = {}
    for bound in form:
        value = bound.value()
        if value is None or value is False:
            continue
        values[bound.name] = json.dumps(value) if isinstance(value, dict) else value
    for inline in page.context["inline_admin_formsets"]:
        for bound in inline.formset.management_form:
            values[bound.html_name] = bound.value()
        for row in inline.formset.initial_forms:
            for bound in row:
                if bound.value() not in (None, False):
                    values[bound.html_name] = bound.value()
    values |= changes
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in values.items()
        if value is not None
    }


def provider(cast):
    row = Provider(slug="out", name="Out", kind="openai", base_url="https://api.example.com/v1")
    row.set_secret("sk-test-0123456789abcdef")
    row.save()
    return row


def syslog(cast):
    return Destination.objects.create(name="SIEM", kind="syslog", host="logs.example.com")


def webhook(cast):
    row = Destination(name="Hook", kind="webhook", url="https://hook.example.com/in")
    row.set_secret("0123456789abcdef" * 2)
    row.save()
    return row


def key(cast):
    cast.key(cast.marco)
    Key.objects.update(allowed_addresses="203.0.113.0/24", no_content_log=True)
    return Key.objects.get()


def team(cast):
    Team.objects.filter(pk=cast.research.pk).update(
        allowed_addresses="203.0.113.0/24",
        requests_per_minute=60,
        monthly_budget=5,
        content_hours=48,
        allowed_regions="eu, ch",
    )
    return cast.research


def hold(cast):
    return LegalHold.objects.create(held_team=cast.research, reason="A court asked")


def project(cast):
    Project.objects.filter(pk=cast.drafts.pk).update(log_content=False)
    return cast.drafts


def attachment(cast):
    return GuardAttachment.objects.create(guard=cast.guards["words"], stage="input", mode="block")


def confinement(cast):
    return KeyProject.objects.create(key=key(cast), project=cast.drafts)


def restricted(cast):
    return cast.rita


def gone(cast):
    return User.objects.create(email="gone@example.com", is_active=False)


# (the row, what is changed of it in its form, whether one is asked)
CHANGES = [
    ("guards/guard", lambda cast: cast.guards["secrets"], {"mode": "warn"}, True),
    ("guards/guard", lambda cast: cast.guards["secrets"], {"is_active": None}, True),
    ("guards/guard", lambda cast: cast.guards["secrets"], {"on_error": "allow"}, True),
    ("guards/guard", lambda cast: cast.guards["limits"], {"limits__max_urls": "99"}, True),
    ("guards/guard", lambda cast: cast.guards["secrets"], {"name": "Other"}, False),
    ("guards/guard", lambda cast: cast.guards["personal-data"], {"mode": "block"}, False),
    ("guards/guardattachment", attachment, {"mode": "warn"}, True),
    ("guards/guardattachment", attachment, {"stage": "output"}, True),
    ("projects/projectguard", lambda cast: ProjectGuard.objects.first(), {"mode": "shadow"}, True),
    ("projects/keyproject", confinement, {"project": "assistant"}, True),
    ("projects/project", project, {"log_content": "on"}, True),
    ("projects/project", project, {"name": "Other"}, False),
    ("teams/team", team, {"allowed_addresses": ""}, True),
    ("teams/team", team, {"allowed_addresses": "203.0.113.0/24, 198.51.100.7"}, True),
    ("teams/team", team, {"allowed_addresses": "203.0.113.7"}, False),
    ("teams/team", team, {"name": "Other"}, False),
    ("teams/team", team, {"requests_per_minute": "61"}, True),
    ("teams/team", team, {"requests_per_minute": ""}, True),
    ("teams/team", team, {"requests_per_minute": "59"}, False),
    ("teams/team", team, {"monthly_budget": "5.000001"}, True),
    ("teams/team", team, {"monthly_budget": ""}, True),
    ("teams/team", team, {"monthly_budget": "4"}, False),
    ("teams/team", team, {"content_hours": "49"}, True),
    ("teams/team", team, {"content_hours": "47"}, True),
    ("teams/team", team, {"content_hours": ""}, True),
    ("teams/team", team, {"conversation_days": "30"}, True),
    ("teams/team", team, {"usage_days": "31"}, True),
    ("teams/team", team, {"event_days": "3660"}, True),
    ("teams/legalhold", hold, {"reason": "Another matter"}, False),
    ("teams/team", team, {"allowed_regions": "eu, us"}, True),
    ("teams/team", team, {"allowed_regions": ""}, True),
    ("teams/team", team, {"allowed_regions": "ch"}, False),
    ("portal/provider", provider, {"base_url": "https://evil.example/v1", "new_secret": "sk-x-0123456789"}, True),
    ("portal/provider", provider, {"new_secret": "sk-test-fedcba9876543210"}, True),
    ("portal/provider", provider, {"extra_headers": '{"X-Org": "7"}'}, True),
    ("portal/provider", provider, {"name": "Other"}, False),
    ("audit/destination", syslog, {"host": "evil.example.com"}, True),
    ("audit/destination", syslog, {"is_paused": "on"}, True),
    ("audit/destination", syslog, {"includes_personal": "on"}, True),
    ("audit/destination", syslog, {"sends_refused": None}, True),
    ("audit/destination", syslog, {"name": "Other"}, False),
    ("audit/destination", webhook, {"new_secret": "fedcba9876543210" * 2}, True),
    ("audit/destination", webhook, {"url": "https://evil.example/", "new_secret": "0123456789abcdef" * 2}, True),
    ("accounts/key", key, {"allowed_addresses": ""}, True),
    ("accounts/key", key, {"no_content_log": None}, True),
    ("accounts/key", key, {"name": "Other"}, False),
    ("accounts/user", lambda cast: cast.marco, {"is_superuser": "on"}, True),
    ("accounts/user", lambda cast: cast.marco, {"is_auditor": "on"}, True),
    ("accounts/user", lambda cast: cast.marco, {"email": "other@example.com"}, True),
    ("accounts/user", restricted, {"is_restricted": None}, True),
    ("accounts/user", gone, {"is_active": "on"}, True),
    ("accounts/user", lambda cast: cast.marco, {"is_active": None}, False),
    ("accounts/user", lambda cast: cast.auditor, {"is_auditor": None}, False),
    ("accounts/user", lambda cast: cast.marco, {"name": "Other"}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "row", "change", "asks"),
    CHANGES,
    ids=lambda value: "row" if callable(value) else str(value),
)
def test_a_form_of_the_console(cast, page, row, change, asks):
    row = row(cast)
    address = f"/admin/{page}/{row.pk}/change/"
    client = stale(browser(cast.admin))
    if change.get("project") == "assistant":
        change = {"project": cast.assistant.pk}
    data = form_of(client, address, **change)
    before = type(row).objects.filter(pk=row.pk).values().get()
    answer = client.post(address, data)
    if not asks:
        assert answer.status_code == 302, answer.content.decode()[-2000:]
        return
    assert is_asked(answer)
    assert type(row).objects.filter(pk=row.pk).values().get() == before
    stale(client, -16 * 60)
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    assert type(row).objects.filter(pk=row.pk).values().get() != before


def test_new_rows_that_open_something(cast):
    client = stale(browser(cast.admin))
    assert is_asked(client.post("/admin/portal/addressrule/add/", RULE))
    new = form_of(
        client, "/admin/audit/destination/add/", name="x", kind="syslog", host="x.example"
    )
    assert is_asked(client.post("/admin/audit/destination/add/", new))
    strong = {"email": "new@example.com", "is_active": "on"}
    assert client.post("/admin/accounts/user/add/", strong).status_code == 302
    for right in ("is_superuser", "is_auditor"):
        wanted = {"email": "strong@example.com", "is_active": "on", right: "on"}
        assert is_asked(client.post("/admin/accounts/user/add/", wanted))
    held = {"held_team": cast.research.pk, "reason": "A court asked"}
    assert is_asked(client.post("/admin/teams/legalhold/add/", held))
    assert not LegalHold.objects.exists()
    assert not AddressRule.objects.exists()
    assert not User.objects.filter(email="strong@example.com").exists()


def deleted(cast):
    yield "portal/addressrule", AddressRule.objects.create(**RULE)
    yield "audit/destination", syslog(cast)
    yield "guards/guardattachment", attachment(cast)
    yield "projects/projectguard", ProjectGuard.objects.first()
    yield "projects/keyproject", confinement(cast)
    yield "teams/legalhold", hold(cast)


def test_deletions_by_page_and_by_action(cast):
    client = stale(browser(cast.admin))
    for page, row in deleted(cast):
        assert is_asked(client.post(f"/admin/{page}/{row.pk}/delete/", {"post": "yes"})), page
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        assert is_asked(client.post(f"/admin/{page}/", chosen)), page
        assert type(row).objects.filter(pk=row.pk).exists()
    stale(client, -16 * 60)
    for page, row in deleted_again(cast):
        assert client.post(f"/admin/{page}/{row.pk}/delete/", {"post": "yes"}).status_code == 302
        assert not type(row).objects.filter(pk=row.pk).exists()


def deleted_again(cast):
    yield "portal/addressrule", AddressRule.objects.get()
    yield "audit/destination", Destination.objects.get()
    yield "guards/guardattachment", GuardAttachment.objects.get()
    yield "projects/projectguard", ProjectGuard.objects.first()
    yield "projects/keyproject", KeyProject.objects.get()


def test_a_guard_taken_out_of_a_projects_own_page(cast):
    client = stale(browser(cast.olivia))
    address = f"/admin/projects/project/{cast.assistant.pk}/change/"
    data = form_of(client, address)
    assert client.post(address, data).status_code == 302
    assert is_asked(client.post(address, {**data, "guards-0-DELETE": "on"}))
    first = data["guards-0-id"]
    data["guards-0-mode"] = "shadow"
    assert is_asked(client.post(address, data))
    assert ProjectGuard.objects.get(pk=first).mode == ""


# The API: by session and by key.

API = [
    ("guards/secrets", {"mode": "warn"}, True),
    ("guards/secrets", {"priority": 3}, False),
    ("teams/research", {"allowed_addresses": ""}, True),
    ("teams/research", {"name": "Other"}, False),
    ("teams/research", {"requests_per_minute": None}, True),
    ("teams/research", {"monthly_budget": "6"}, True),
    ("teams/research", {"monthly_budget": "4"}, False),
    ("teams/research", {"conversation_days": 30}, True),
    ("teams/research", {"allowed_regions": "eu,ch,us"}, True),
    ("teams/research", {"allowed_regions": "eu"}, False),
    ("providers/out", {"base_url": "https://evil.example/v1", "secret": "sk-x-0123456789"}, True),
    ("providers/out", {"secret": "sk-test-fedcba9876543210"}, True),
    ("providers/out", {"is_active": False}, False),
    ("projects/drafts", {"log_content": True}, True),
    ("projects/drafts", {"name": "Other"}, False),
]


@pytest.mark.parametrize("door", ["session", "key"])
@pytest.mark.parametrize(("path", "change", "asks"), API, ids=str)
def test_the_api(cast, door, path, change, asks):
    for row in (provider, team, project):
        row(cast)
    client, headers = stale(browser(cast.admin)), {}
    if door == "key":
        client, headers = Client(), cast.bearer(cast.admin)
    address = f"/api/{path}/"
    before = client.get(address, headers=headers).json()
    answer = client.patch(address, change, content_type="application/json", headers=headers)
    if not asks:
        assert answer.status_code == 200, answer.content
        return
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "fresh_authentication_required"
    assert client.get(address, headers=headers).json() == before
    fresh = browser(cast.admin)
    assert fresh.patch(address, change, content_type="application/json").status_code == 200


# The table itself.


def test_every_line_of_the_table_is_a_model_with_a_rule():
    for label, rules in sensitive.TABLE.items():
        assert apps.get_model(label)
        assert rules or label in sensitive._rules, label
    with pytest.raises(ValueError, match=r"portal\.Provider"):
        sensitive.register_rule("portal.Provider", lambda before, after: False)


def test_a_secret_that_cannot_be_read_counts_as_changed(cast):
    row = provider(cast)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE portal_provider SET secret = %s", [b"damaged.damaged"])
    before = sensitive.stored(row)
    assert sensitive.is_sensitive(Provider, before, row)


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ("", "", False),
        ("", "203.0.113.0/24", False),
        ("203.0.113.0/24", "", True),
        ("203.0.113.0/24", " ", True),
        ("203.0.113.0/24", "203.0.113.0/24", False),
        ("203.0.113.0/24", "203.0.113.128/25, 203.0.113.7", False),
        ("203.0.113.0/24", "203.0.112.0/23", True),
        ("203.0.113.0/25,203.0.113.128/25", "203.0.113.0/24", False),
        ("203.0.113.0/24", "2001:db8::/32", True),
        ("2001:db8::/32", "2001:db8:1::/48", False),
    ],
)
def test_a_list_of_networks_is_wider_where_it_lets_in_more(before, after, wider):
    assert is_wider(before, after) is wider
