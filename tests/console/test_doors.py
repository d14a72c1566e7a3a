"""The console keeps to the roles also behind its doors; who comes through which is in `tests/doors`."""

import json
from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Checkpoint, Destination, Entry, Forwarding
from guards.models import GuardEvent
from portal.console import ConsoleModelAdmin
from portal.console_lists import CappedPaginator
from portal.models import AddressRule, Bucket, CspReport, RetentionRun, Setting
from projects.models import (
    Conversation,
    Exchange,
    KeyProject,
    ProjectGuard,
    Spend,
    TeamSpend,
    UsageDay,
)
from projects.review_actions import open_review
from teams.models import (
    Branding,
    CustomRole,
    Group,
    GroupMapping,
    GroupMember,
    LegalHold,
    Membership,
    Team,
    TeamArchive,
)
from widget.models import Widget

OPEN = ("admin", "auditor", "olivia", "adam", "sam")


@pytest.fixture
def people(cast):
    cast.gone = type(cast.marco).objects.create(
        email="gone@example.com", is_superuser=True, is_active=False
    )
    return cast


def browser(people, name):
    client = Client()
    if name != "anonymous":
        client.force_login(getattr(people, name))
    return client


def rows(cast):
    """One row of every registered model, of research where it has a team."""
    exchange = Exchange.objects.create(
        project=cast.assistant, team=cast.research, project_slug="assistant", door="api"
    )
    cast.key(cast.marco)
    from accounts.models import Impersonation, Key, PendingChange

    Impersonation.objects.create(
        admin=cast.admin, user=cast.marco, reason="To look", ends_at=timezone.now()
    )
    PendingChange.objects.create(
        target_model="teams.Team",
        target_id=cast.research.pk,
        target_label="Research",
        team_id=cast.research.pk,
        verb="change",
        reason="To look at it",
        content={"steps": []},
        proposed_by=cast.adam,
        expires_at=timezone.now() + timedelta(days=7),
    )
    Setting.objects.create(name="key_rotation_days", value=60)
    KeyProject.objects.create(key=Key.objects.first(), project=cast.assistant)
    Spend.objects.create(project=cast.assistant, month="2026-11-01")
    TeamSpend.objects.create(team=cast.research, month="2026-11-01")
    Conversation.objects.create(project=cast.assistant, user=cast.marco)
    Bucket.objects.create(key="x")
    AddressRule.objects.create(place="console", verdict="block", network="203.0.113.7")
    CspReport.objects.create(directive="script-src", blocked="inline", page="/")
    RetentionRun.objects.create(kind="contents", removed=7, by_team={"": 2, "1": 5})
    LegalHold.objects.create(held_person=cast.vera, reason="A court asked")
    UsageDay.objects.create(day="2025-11-01", team_id=cast.research.pk, project_slug="assistant")
    Forwarding.objects.create(
        destination=Destination.objects.create(
            name="SIEM", kind="syslog", host="logs.example.com", is_paused=True
        )
    )
    Widget.objects.create(project=cast.assistant, name="Chat")
    Branding.objects.create(team=cast.research, app_name="Lab")
    TeamArchive.objects.create(team=Team.objects.create(slug="old", name="Old"))
    open_review(by=cast.olivia, team=cast.research, due_on=timezone.localdate())
    CustomRole.objects.create(team=cast.research, name="Helper", base="admin")
    group = Group.objects.create(source="ldap", name="chemists")
    GroupMember.objects.create(group=group, user=cast.marco)
    GroupMapping.objects.create(group=group, team=cast.research, role="member")
    from guards.models import GuardAttachment

    GuardAttachment.objects.create(guard=cast.guards["words"], team=cast.research, stage="input")
    GuardEvent.objects.create(
        guard_slug="words",
        guard_version=1,
        kind="words",
        stage="input",
        mode="block",
        action="block",
        team=cast.research,
    )
    said = {"ids": [[1, 1]], "to": 1, "pending": [], "key": "", "root": "0" * 64, "leaves": ""}
    Checkpoint.objects.create(number=1, first_id=1, last_id=1, count=1, line=json.dumps(said))
    found = {}
    for model in admin.site._registry:
        queryset = model._default_manager.all()
        names = {field.name for field in model._meta.concrete_fields}
        if model._meta.label in ("audit.Entry", "accounts.PendingChange", "projects.UsageDay"):
            queryset = queryset.filter(team_id=cast.research.pk)
        elif "team" in names and model._meta.label not in ("guards.Guard", "teams.TeamArchive"):
            queryset = queryset.filter(team=cast.research)
        elif "project" in names:
            queryset = queryset.filter(project__team=cast.research)
        found[model] = queryset.order_by("pk").first()
    assert exchange is not None
    return found


def urls_of(model, row):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield "list", reverse(f"{name}_changelist")
    yield "add", reverse(f"{name}_add")
    if row is not None:
        for verb in ("change", "delete", "history"):
            yield verb, reverse(f"{name}_{verb}", args=[row.pk])


def test_autocomplete_shows_ones_own_team_only(people):
    client = browser(people, "sam")
    base = reverse("admin:autocomplete")
    for app, model, field, foreign in (
        ("teams", "membership", "team", "Research"),
        ("projects", "projectmember", "project", "Assistant"),
        ("projects", "projectmember", "user", "marco"),
    ):
        found = client.get(
            base, {"app_label": app, "model_name": model, "field_name": field, "term": ""}
        )
        assert found.status_code == 200
        assert foreign not in found.content.decode()


def test_a_forged_team_in_a_form_is_refused(people):
    client = browser(people, "sam")
    response = client.post(
        reverse("admin:teams_membership_add"),
        {"team": people.research.pk, "user": people.sam.email, "role": "owner"},
    )
    assert response.status_code in (200, 403)
    assert not people.research.memberships.filter(user=people.sam).exists()


def test_team_admins_cannot_change_what_limits_them(people):
    client = browser(people, "olivia")
    grant = people.research.grants.get()
    assert client.get(reverse("admin:teams_grant_add")).status_code == 403
    assert (
        client.post(
            reverse("admin:teams_grant_delete", args=[grant.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
    page = client.get(reverse("admin:projects_project_change", args=[people.assistant.pk]))
    assert 'name="monthly_budget"' not in page.content.decode()
    guard = people.guards["words"]
    assert client.get(reverse("admin:guards_guard_change", args=[guard.pk])).status_code == 200
    client.post(
        reverse("admin:guards_guard_change", args=[guard.pk]), {"name": "mine", "mode": "shadow"}
    )
    guard.refresh_from_db()
    assert guard.mode == "block"


def test_an_admin_of_a_team_makes_no_owners_and_the_last_owner_stays(people):
    client = browser(people, "adam")
    marco = people.research.memberships.get(user=people.marco)
    url = reverse("admin:teams_membership_change", args=[marco.pk])
    assert client.post(url, {"role": "owner"}).status_code == 200
    assert client.post(url, {"role": "viewer"}).status_code == 302
    marco.refresh_from_db()
    assert marco.role == "viewer"
    owner = people.research.memberships.get(user=people.olivia)
    client = browser(people, "olivia")
    client.post(reverse("admin:teams_membership_change", args=[owner.pk]), {"role": "member"})
    owner.refresh_from_db()
    assert owner.role == "owner"


def test_every_action_names_its_permissions(people):
    for model, page in admin.site._registry.items():
        assert isinstance(page, ConsoleModelAdmin), model
        for function, name, _description in page._get_base_actions():
            assert getattr(function, "allowed_permissions", None), (model, name)


def test_history_is_the_trail_of_this_row_and_nothing_is_written_beside_it(people):
    from django.contrib.admin.models import LogEntry

    client = browser(people, "olivia")
    url = reverse("admin:projects_project_change", args=[people.assistant.pk])
    page = client.get(url)
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    for inline in page.context["inline_admin_formsets"]:
        data |= {f"{inline.formset.prefix}-TOTAL_FORMS": 0}
        data |= {f"{inline.formset.prefix}-INITIAL_FORMS": 0}
    data = {name: "{}" if value == {} else value for name, value in data.items()}
    assert client.post(url, {**data, "name": "Renamed"}).status_code == 302
    assert not LogEntry.objects.exists()
    page = client.get(reverse("admin:projects_project_history", args=[people.assistant.pk]))
    newest = Entry.objects.filter(target_type="projects.Project", action="update").latest("id")
    assert newest.target_id == str(people.assistant.pk)
    assert reverse("admin:audit_entry_change", args=[newest.pk]) in page.content.decode()


# Read by their owner in the playground, by nobody here.
# People's own words, and the keys they are encrypted under.
NOT_IN_THE_CONSOLE = {
    "audit.PrunedRange",  # the checkpoints say what was pruned
    *("projects.Conversation", "projects.Message", "projects.KeySpend", "portal.DataKey"),
    *("accounts.Session", "accounts.Sighting", "accounts.Notice"),
    "projects.ReviewLine",  # on the page of its review
    "audit.Forwarding",  # on the page of its destination
    # compared on the page of changes of access
    *("projects.PermissionSnapshot", "projects.PermissionSnapshotPart"),
    *(
        "accounts.TotpDevice",
        "accounts.RecoveryDevice",
        "accounts.RecoveryCode",
        "accounts.TokenFamily",
    ),
}


def test_every_model_of_ours_is_in_the_console():
    from django.apps import apps

    ours = ("portal", "audit", "accounts", "teams", "guards", "projects", "widget")
    left = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label in ours and model not in admin.site._registry
    }
    assert left == NOT_IN_THE_CONSOLE


def test_nobody_reads_conversations_in_the_console(people):
    conversation = Conversation.objects.create(project=people.assistant, user=people.marco)
    conversation.messages.create(role="user", content="my secret thoughts")
    Exchange.objects.create(
        project=people.assistant,
        team=people.research,
        project_slug="assistant",
        door="api",
        question="my secret thoughts",
        answer="my secret thoughts",
    )
    for name in OPEN:
        client = browser(people, name)
        for page in (
            *PAGES_OF_USAGE,
            *(url for _verb, url in urls_of(Exchange, Exchange.objects.first())),
        ):
            assert b"secret thoughts" not in client.get(page).content, (name, page)


PAGES_OF_USAGE = ("/admin/", "/admin/projects/exchange/", "/admin/guards/guardevent/")


@pytest.mark.parametrize("many", [1, 40])
def test_lists_cost_the_same_queries_however_many_rows(people, many, django_assert_max_num_queries):
    from teams.models import Membership

    for number in range(many):
        user = type(people.marco).objects.create(email=f"u{number}@example.com")
        Membership.objects.create(team=people.research, user=user)
    rows(people)
    client = browser(people, "olivia")
    client.get("/admin/")
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with django_assert_max_num_queries(24):
            client.get(url)


def test_a_row_does_not_move_into_a_team_that_one_does_not_administer(cast):
    Membership.objects.create(team=cast.support, user=cast.adam, role="member")
    row = ProjectGuard.objects.create(
        project=cast.assistant, guard=cast.guards["words"], stage="input"
    )
    form = {"guard": row.guard_id, "project": cast.drafts.pk, "stage": "input", "mode": "block"}
    url = f"/admin/projects/projectguard/{row.pk}/change/"
    client = browser(cast, "adam")
    assert client.post(url, form).status_code == 302
    assert client.post(url, {**form, "project": cast.helpdesk.pk}).status_code == 403
    row.refresh_from_db()
    assert row.project == cast.drafts


def test_no_list_counts_its_whole_table(people, monkeypatch):
    """The count stops at a bound, so that a list is as fast at ten million rows as at ten."""
    monkeypatch.setattr("portal.console_lists.MOST_PAGES", 1)
    Exchange.objects.bulk_create(
        Exchange(project_slug="assistant", door="api", outcome="answered") for _ in range(120)
    )
    page = browser(people, "admin").get("/admin/projects/exchange/").content.decode()
    assert "More than 50 exchanges" in page
    for model in admin.site._registry.values():
        assert issubclass(model.paginator, CappedPaginator), model
