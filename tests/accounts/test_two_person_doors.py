"""The two-person rule at every door: what weakens waits, what strengthens goes through, and nothing goes past it."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Key, PendingChange
from audit.models import Entry
from guards.models import Guard, GuardAttachment
from portal.models import Setting
from projects.models import Project, ProjectGuard
from teams.models import LegalHold, Team
from tests.accounts.test_fresh import form_of
from widget.models import Widget

REASON = "The customer asked for it"


@pytest.fixture
def house(cast, settings):
    """The rule is on; and one of everything that can be weakened."""
    Setting.objects.create(name="two_person_rule", value=True)
    cast.second = type(cast.admin).objects.create(email="second@example.com", is_superuser=True)
    cast.attachment = GuardAttachment.objects.create(
        guard=cast.guards["words"], team=cast.research, stage="input"
    )
    cast.widget = Widget.objects.create(
        project=cast.assistant, name="Chat", allowed_domains=["a.example.com"]
    )
    Project.objects.filter(pk=cast.assistant.pk).update(monthly_budget=Decimal(5))
    Team.objects.filter(pk=cast.research.pk).update(
        monthly_budget=Decimal(50), content_hours=48, conversation_days=30
    )
    cast.key(cast.marco)
    cast.marcos_key = Key.objects.get()
    Key.objects.filter(pk=cast.marcos_key.pk).update(monthly_budget=Decimal(3))
    cast.own = Guard.objects.create(
        slug="own", name="Own", kind="words", team=cast.research, options={"terms": ["x"]}
    )
    return cast


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def page_of(row):
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"


def by_form(row, **changes):
    return lambda client: (page_of(row), form_of(client, page_of(row), **changes))


def by_deletion(row):
    return lambda client: (page_of(row).replace("change", "delete"), {"post": "yes"})


def by_action(row):
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    return lambda client: (page_of(row).split(f"{row.pk}/change")[0], chosen)


def by_settings(**changes):
    from tests.portal.test_platform_settings import form

    return lambda client: ("/admin/portal/setting/", form(**changes))


def switched_off(widget):
    Widget.objects.filter(pk=widget.pk).update(is_active=False)
    return widget


def guard_of(cast):
    return ProjectGuard.objects.filter(project=cast.assistant, guard__slug="personal-data").get()


# What weakens in the console: who proposes, the form, and whether it is so now.
FORMS = {
    "a guard is switched off": lambda c: (
        c.olivia, by_form(c.own, is_active=None), lambda: not Guard.objects.get(pk=c.own.pk).is_active),
    "a guard in a milder mode": lambda c: (
        c.admin, by_form(c.guards["secrets"], mode="warn"),
        lambda: Guard.objects.get(slug="secrets").mode == "warn"),
    "other options": lambda c: (
        c.olivia, by_form(c.own, words__terms="y"),
        lambda: Guard.objects.get(pk=c.own.pk).options == {"terms": ["y"]}),
    "a team's attachment goes": lambda c: (
        c.olivia, by_deletion(c.attachment), lambda: not GuardAttachment.objects.filter(pk=c.attachment.pk)),
    "a team's attachment goes from the list": lambda c: (
        c.olivia, by_action(c.attachment), lambda: not GuardAttachment.objects.filter(pk=c.attachment.pk)),
    "a project's guard goes": lambda c: (
        c.olivia, by_deletion(guard_of(c)),
        lambda: c.assistant.guards.count() == 3),
    "a project's guard goes from the list": lambda c: (
        c.olivia, by_action(guard_of(c)), lambda: c.assistant.guards.count() == 3),
    "a project's guard goes on the project's page": lambda c: (
        c.olivia, by_form(c.assistant, **{"guards-0-DELETE": "on"}), lambda: c.assistant.guards.count() == 3),
    "a project's guard in a milder mode": lambda c: (
        c.olivia, by_form(guard_of(c), mode="shadow"), lambda: guard_of(c).mode == "shadow"),
    "logging goes off": lambda c: (
        c.olivia, by_form(c.assistant, log_content=None),
        lambda: not Project.objects.get(pk=c.assistant.pk).log_content),
    "a project's budget is raised": lambda c: (
        c.admin, by_form(c.assistant, monthly_budget="6"),
        lambda: Project.objects.get(pk=c.assistant.pk).monthly_budget == 6),
    "a project's budget goes": lambda c: (
        c.admin, by_form(c.assistant, monthly_budget=""),
        lambda: Project.objects.get(pk=c.assistant.pk).monthly_budget is None),
    "a team's budget is raised": lambda c: (
        c.admin, by_form(c.research, monthly_budget="60"),
        lambda: Team.objects.get(pk=c.research.pk).monthly_budget == 60),
    "a team's conversations are kept for less": lambda c: (
        c.admin, by_form(c.research, conversation_days="29"),
        lambda: Team.objects.get(pk=c.research.pk).conversation_days == 29),
    "a legal hold is lifted": lambda c: (
        c.admin, by_deletion(LegalHold.objects.create(held_team=c.research, reason="A court")),
        lambda: not LegalHold.objects.exists()),
    "a team's usage details are kept for less": lambda c: (
        c.admin, by_form(c.research, usage_days="31"),
        lambda: Team.objects.get(pk=c.research.pk).usage_days == 31),
    "a team's guard events are kept for less": lambda c: (
        c.admin, by_form(c.research, event_days="31"),
        lambda: Team.objects.get(pk=c.research.pk).event_days == 31),
    "a team's content is kept as the platform's, which is less": lambda c: (
        c.admin, by_form(c.research, content_hours=""),
        lambda: Team.objects.get(pk=c.research.pk).content_hours is None),
    "a widget is switched on again": lambda c: (
        c.olivia, by_form(switched_off(c.widget), is_active="on"),
        lambda: Widget.objects.get(pk=c.widget.pk).is_active),
    "a key's budget is raised": lambda c: (
        c.admin, by_form(c.marcos_key, monthly_budget="4"),
        lambda: Key.objects.get(pk=c.marcos_key.pk).monthly_budget == 4),
    "a widget's domains are opened": lambda c: (
        c.olivia, by_form(c.widget, allowed_domains='["a.example.com", "*.example.com"]'),
        lambda: "*.example.com" in Widget.objects.get(pk=c.widget.pk).allowed_domains),
    "the rule itself goes off": lambda c: (
        c.admin, by_settings(two_person_rule=False),
        lambda: not Setting.objects.filter(name="two_person_rule")),
    "the platform keeps content for less": lambda c: (
        c.admin, by_settings(content_hours=12),
        lambda: Setting.objects.filter(name="content_hours", value=12).exists()),
    "the platform keeps the trail for less": lambda c: (
        c.admin, by_settings(audit_days=400),
        lambda: Setting.objects.filter(name="audit_days", value=400).exists()),
}  # fmt: skip

# By the API: who, the address, the body, and whether it is so now.
CALLS = {
    "a guard's mode": lambda c: (
        c.olivia, f"/api/guards/{c.own.slug}/", {"mode": "shadow"},
        lambda: Guard.objects.get(pk=c.own.pk).mode == "shadow"),
    "a guard's options": lambda c: (
        c.admin, "/api/guards/words/", {"options": {"terms": ["z"]}},
        lambda: Guard.objects.get(slug="words").options.get("terms") == ["z"]),
    "logging": lambda c: (
        c.olivia, "/api/projects/assistant/", {"log_content": False},
        lambda: not Project.objects.get(pk=c.assistant.pk).log_content),
    "a budget": lambda c: (
        c.admin, "/api/projects/assistant/", {"monthly_budget": "7"},
        lambda: Project.objects.get(pk=c.assistant.pk).monthly_budget == 7),
    "a team's budget": lambda c: (
        c.admin, "/api/teams/research/", {"monthly_budget": None, "name": "Searching"},
        lambda: Team.objects.get(pk=c.research.pk).name == "Searching"),
    "the rule": lambda c: (
        c.admin, "/api/settings/two_person_rule/", {"value": False},
        lambda: not Setting.objects.filter(name="two_person_rule")),
    "retention": lambda c: (
        c.admin, "/api/settings/conversation_days/", {"value": 7},
        lambda: Setting.objects.filter(name="conversation_days", value=7).exists()),
}  # fmt: skip


def approved_by(person, change, status=302):
    answer = browser(person).post(f"/admin/accounts/pendingchange/{change.pk}/approve/")
    assert answer.status_code == status, answer.content[:300]
    change.refresh_from_db()
    return change.decision


@pytest.mark.parametrize("case", FORMS)
def test_in_the_console_it_waits_and_happens_once_somebody_else_approves(house, case):
    person, form, is_so = FORMS[case](house)
    client = browser(person)
    address, sent = form(client)
    asked = client.post(address, sent)
    assert asked.status_code == 200, asked.content[:300]
    assert b"A second person has to agree" in asked.content
    assert (is_so(), PendingChange.objects.count()) == (False, 0)
    kept = {}
    for name, value in asked.context["again"]:
        kept.setdefault(name, []).append(value)
    proposed = client.post(address, kept | {"two_person_reason": REASON})
    change = PendingChange.objects.get()
    assert proposed["Location"] == f"/admin/accounts/pendingchange/{change.pk}/change/"
    assert (change.proposed_by, change.reason, is_so()) == (person, REASON, False)
    told = client.get(proposed["Location"]).content.decode()
    assert "Nothing was changed yet" in told
    assert "was changed successfully" not in told
    assert approved_by(house.second, change) == "approved"
    assert is_so()


@pytest.mark.parametrize("case", FORMS)
def test_while_the_rule_is_off_everything_goes_through(house, case):
    person, form, is_so = FORMS[case](house)
    if "rule" in case:
        return  # it is on by what this would test
    client = browser(person)
    address, sent = form(client)
    Setting.objects.filter(name="two_person_rule").delete()
    if "portal/setting" in address:
        sent.pop("two_person_rule", None)
    assert client.post(address, sent).status_code == 302
    assert is_so()
    assert PendingChange.objects.count() == 0


@pytest.mark.parametrize("case", CALLS)
def test_by_the_api_the_answer_is_202_and_says_where_to_look(house, case):
    person, address, body, is_so = CALLS[case](house)
    client = browser(person)
    answer = client.patch(address, body, "application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_failed")
    assert "reason" in answer.json()["error"]["fields"]
    headers = {"X-Change-Reason": "Der Kunde w%C3%BCnscht es"}
    answer = client.patch(address, body, "application/json", headers=headers)
    assert (answer.status_code, is_so()) == (202, False)
    said, change = answer.json(), PendingChange.objects.get()
    assert (said["pending_change"], change.reason) == (change.uid, "Der Kunde wünscht es")
    seen = client.get(said["url"]).json()
    assert (seen["state"], seen["proposed_by"]) == ("waiting", person.email)
    assert any(step["is_weaker"] for step in seen["steps"])
    done = browser(house.second).post(f"{said['url']}approve/", {}, "application/json")
    assert (done.status_code, done.json()["state"]) == (200, "approved"), done.content
    assert is_so()


def test_a_key_proposes_for_its_owner_what_is_not_sensitive(house):
    headers = house.bearer(house.olivia) | {"X-Change-Reason": REASON}
    answer = Client().patch(
        "/api/projects/assistant/", {"log_content": False}, "application/json", headers=headers
    )
    assert answer.status_code == 202
    assert PendingChange.objects.get().proposed_by == house.olivia
    weaker = Client().patch(
        "/api/guards/own/", {"mode": "shadow"}, "application/json", headers=headers
    )
    assert weaker.json()["error"]["code"] == "fresh_authentication_required"


# What strengthens, or is neither.
STRONGER = {
    "a guard is stricter": lambda c: (c.admin, by_form(c.guards["words"], priority="7")),
    "a budget goes down": lambda c: (c.admin, by_form(c.assistant, monthly_budget="4")),
    "a project gets another name": lambda c: (c.olivia, by_form(c.assistant, name="Helper")),
    "a widget's domains are fewer": lambda c: (c.olivia, by_form(c.widget, allowed_domains="[]")),
    "a widget goes": lambda c: (c.olivia, by_deletion(c.widget)),
    "a team keeps content for longer": lambda c: (c.admin, by_form(c.research, content_hours="96")),
    "a team's budget goes down": lambda c: (c.admin, by_form(c.research, monthly_budget="40")),
    "content is kept for longer": lambda c: (c.admin, by_settings(content_hours=72)),
    "a key's budget goes down": lambda c: (c.admin, by_form(c.marcos_key, monthly_budget="2")),
}


@pytest.mark.parametrize("case", STRONGER)
def test_what_does_not_weaken_goes_through_at_once(house, case):
    person, form = STRONGER[case](house)
    client = browser(person)
    address, sent = form(client)
    answer = client.post(address, sent)
    assert answer.status_code == 302, answer.content[:300]
    assert PendingChange.objects.count() == 0
    assert Entry.objects.filter(path=address).exclude(action="change_proposed").exists()


def test_a_stricter_guard_goes_through_by_the_api(house):
    client = browser(house.olivia)
    Guard.objects.filter(pk=house.own.pk).update(mode="warn")
    answer = client.patch("/api/guards/own/", {"mode": "block"}, "application/json")
    assert (answer.status_code, answer.json()["mode"]) == (200, "block")


def test_a_new_widget_that_is_open_to_a_site_waits_and_a_closed_one_does_not(house):
    client = browser(house.olivia)
    address = "/admin/widget/widget/add/"
    sent = {"name": "New", "project": house.assistant.pk, "is_active": "on"}
    closed = client.post(address, sent | {"allowed_domains": "[]"})
    assert closed.status_code == 302, closed.content
    opened = sent | {"allowed_domains": '["b.example.com"]', "two_person_reason": REASON}
    client.post(address, opened)
    change = PendingChange.objects.get()
    assert (change.verb, change.target_id, Widget.objects.count()) == ("add", "", 2)
    assert approved_by(house.adam, change) == "approved"
    made = Widget.objects.latest("id")
    assert (made.allowed_domains, made.project) == (["b.example.com"], house.assistant)


def test_a_form_that_mixes_a_weakening_with_other_changes_waits_as_a_whole(house):
    client = browser(house.olivia)
    address = page_of(house.assistant)
    sent = form_of(client, address, name="Renamed", system_prompt="Be kind.", log_content=None)
    sent |= {"guards-0-DELETE": "on", "two_person_reason": REASON}
    client.post(address, sent)
    project = Project.objects.get(pk=house.assistant.pk)
    assert (project.name, project.log_content, project.guards.count()) == ("Assistant", True, 4)
    change = PendingChange.objects.get()
    assert (change.target_model, change.target_id) == ("projects.Project", str(project.pk))
    assert b"Be kind." not in bytes(
        PendingChange.objects.values_list("content", flat=True).get().token
    )
    assert approved_by(house.adam, change) == "approved"
    project = Project.objects.get(pk=house.assistant.pk)
    assert (project.name, project.log_content, project.guards.count()) == ("Renamed", False, 3)
    assert project.system_prompt == "Be kind."


@pytest.mark.django_db(transaction=True)
def test_a_bulk_write_past_every_door_is_refused_in_a_request(house, settings):
    """The backstop: a view of its own that nobody wrapped."""
    settings.ROOT_URLCONF = "tests.accounts.unguarded_urls"
    client = browser(house.admin)
    for what in ("update", "save", "delete", "raw_delete"):
        answer = client.post(f"/api/unguarded/{what}/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict"), what
        assert "second person" in answer.json()["error"]["message"]
    assert Project.objects.filter(log_content=False).count() == 0
    assert house.assistant.guards.count() == 4
    assert PendingChange.objects.count() == 0
    Setting.objects.filter(name="two_person_rule").delete()
    assert client.post("/api/unguarded/update/").status_code == 200


def test_the_operators_commands_and_tasks_are_outside_the_rule(house):
    from portal.context import RequestContext, entered

    for method in ("COMMAND", "TASK"):
        with entered(RequestContext(method=method)):
            Project.objects.update(log_content=True)
            Project.objects.update(log_content=False)
    assert Project.objects.filter(log_content=True).count() == 0


def test_a_project_that_goes_takes_its_guards_along_without_a_second_person(house):
    Project.objects.filter(pk=house.drafts.pk).update(log_content=False)
    house.attach(house.drafts, "limits", "input")
    answer = browser(house.olivia).delete("/api/projects/drafts/")
    assert answer.status_code == 204
    assert PendingChange.objects.count() == 0


def test_a_team_that_goes_takes_all_of_its_guards_along_without_a_second_person(house):
    ProjectGuard.objects.create(project=house.drafts, guard=house.own, stage="input")
    answer = browser(house.olivia).delete("/api/teams/research/")
    assert answer.status_code == 204, answer.content
    assert not Guard.objects.filter(pk=house.own.pk).exists()
    assert PendingChange.objects.count() == 0


def test_the_reason_is_asked_for_until_it_says_something(house):
    client = browser(house.olivia)
    address = page_of(house.assistant)
    sent = form_of(client, address, log_content=None) | {"two_person_reason": "short"}
    answer = client.post(address, sent)
    assert answer.status_code == 200
    assert b"Between 10 and 300 characters." in answer.content
    assert PendingChange.objects.count() == 0


def test_a_page_shows_what_waits_and_the_start_page_tells_who_could_approve(house):
    client = browser(house.olivia)
    sent = form_of(client, page_of(guard_of(house)), mode="shadow") | {"two_person_reason": REASON}
    client.post(page_of(guard_of(house)), sent)
    for row in (guard_of(house), house.assistant, Guard.objects.get(slug="personal-data")):
        page = browser(house.admin).get(page_of(row)).content.decode()
        assert "waits for a second person" in page, row
        assert REASON in page
    for person, is_told in (("adam", True), ("admin", True), ("olivia", False), ("sam", False)):
        page = browser(getattr(house, person)).get("/admin/").content.decode()
        assert ("waits for a second person" in page) is is_told, person
    assert b"waits for" not in browser(house.sam).get(page_of(house.helpdesk)).content


def test_what_waits_is_json_that_says_everything_again(house):
    """Dates, money and lists come back as they were."""
    ends = timezone.now() + timedelta(days=3, microseconds=7)
    Key.objects.filter(pk=house.marcos_key.pk).update(expires_at=ends)
    client = browser(house.admin)
    sent = form_of(client, page_of(house.marcos_key), monthly_budget="4.123456")
    sent["expires_at"] = "2031-01-01T10:00"
    client.post(page_of(house.marcos_key), sent | {"two_person_reason": REASON})
    change = PendingChange.objects.get()
    json.dumps(change.content)
    assert approved_by(house.second, change) == "approved"
    key = Key.objects.get(pk=house.marcos_key.pk)
    assert (key.monthly_budget, key.expires_at.year) == (Decimal("4.123456"), 2031)
