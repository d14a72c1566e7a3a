"""What limits a team is out of its own reach: every form of the console and every verb of the API, by owner and admin.

The same knocks by a platform admin do change it, so that a test which knocks at nothing fails.
"""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import Key, User
from guards.models import Guard, GuardAttachment
from portal.models import Model, Provider
from projects.models import Project
from teams.models import Grant, Group, GroupMapping, GroupMember, Team
from tests.console.test_doors import rows

# By model the fields that limit, each with what a wish would be.
WISHES = {
    Team: {
        "requests_per_minute": 999,
        "monthly_budget": "999",
        "content_hours": 999,
        "conversation_days": 999,
        "usage_days": 999,
        "event_days": 999,
        "allowed_regions": "us",
    },
    Project: {"monthly_budget": "999"},
    Key: {"requests_per_second": 999, "monthly_budget": "999"},
    User: {"is_superuser": True, "is_auditor": True, "is_restricted": True},
    Guard: {"mode": "shadow", "is_active": False},
    GuardAttachment: {"mode": "shadow"},
    Model: {"is_active": False},
    Provider: {"name": "Mine"},
    Grant: {},
    Group: {"name": "Mine"},
    GroupMember: {},
    GroupMapping: {"role": "admin"},
}
RESOURCES = {
    Team: ("teams", "slug"),
    Project: ("projects", "slug"),
    Key: ("keys", "public_id"),
    User: ("users", "pk"),
    Guard: ("guards", "slug"),
    Model: ("models", "pk"),
    Provider: ("providers", "slug"),
    Grant: ("grants", "pk"),
    Group: ("groups", "pk"),
    GroupMapping: ("group-mappings", "pk"),
}
OF_THE_PLATFORM = {Guard: {"team": None}, GuardAttachment: {"team": None}}


@pytest.fixture
def house(cast):
    rows(cast)
    GuardAttachment.objects.create(guard=cast.guards["words"], team=None, stage="input")
    return cast


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def limiting(model):
    return model.objects.filter(**OF_THE_PLATFORM.get(model, {})).order_by("pk")


def limits():
    """All that limits, as it is stored."""
    return {
        (model, row.pk, name): getattr(row, name)
        for model, wishes in WISHES.items()
        for row in limiting(model)
        for name in ("pk", *wishes)
    }


def filled(response):
    """What the form on the page would send back."""
    form = response.context["adminform"].form
    sets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    parts = [form, *(s.management_form for s in sets), *(f for s in sets for f in s.forms)]
    values = {bound.html_name: bound.value() for part in parts for bound in part}
    return {name: value for name, value in values.items() if value not in (None, False)}


def by_console(client, model, row):
    """Changes it with the page's own form and the wishes beside."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    change = reverse(f"{name}_change", args=[row.pk])
    page = client.get(change)
    form = filled(page) if page.status_code == 200 else {}
    wishes = {key: value for key, value in WISHES[model].items() if value is not False}
    for key, value in WISHES[model].items():
        if value is False:
            form.pop(key, None)
    client.post(change, {**form, **wishes})


def by_api(client, model, row):
    if model not in RESOURCES:
        return
    resource, key = RESOURCES[model]
    path = f"/api/{resource}/{getattr(row, key)}/"
    for name, value in WISHES[model].items():
        client.patch(path, {name: value}, "application/json")
    client.put(path, WISHES[model], "application/json")


def knock_at_everything(client):
    for model in WISHES:
        for row in limiting(model):
            by_console(client, model, row)
            by_api(client, model, row)


def deletes_and_adds(client, cast):
    """Grants, platform guards, attachments and groups are neither added nor taken away."""
    for model in (Grant, Guard, GuardAttachment, Group, GroupMapping, Model, Provider):
        for row in limiting(model):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_delete"
            client.post(reverse(name, args=[row.pk]), {"post": "yes"})
            if model in RESOURCES:
                resource, key = RESOURCES[model]
                client.delete(f"/api/{resource}/{getattr(row, key)}/")
    other = Model.objects.create(provider=cast.model.provider, name="other")
    team, group = cast.research.pk, Group.objects.first()
    client.post("/admin/teams/grant/add/", {"team": team, "model": other.pk})
    client.post("/api/grants/", {"team": "research", "model": other.pk}, "application/json")
    form = {"grants-TOTAL_FORMS": 1, "grants-INITIAL_FORMS": 0}
    form |= {"name": "Research", "grants-0-model": other.pk, "grants-0-team": team}
    client.post(f"/admin/teams/team/{team}/change/", form)
    client.post(
        "/admin/guards/guardattachment/add/", {"guard": cast.guards["limits"].pk, "stage": "output"}
    )
    mapping = {"group": group.pk if group else 1, "team": "support", "role": "admin"}
    client.post("/api/group-mappings/", mapping, "application/json")
    client.post("/api/groups/", {"name": "Mine", "members": []}, "application/json")
    Model.objects.filter(pk=other.pk).delete()


@pytest.mark.parametrize("name", ["olivia", "adam"])
def test_an_owner_and_an_admin_change_nothing_that_limits_them(house, name):
    client = browser(getattr(house, name))
    before = limits()
    assert len(before) > 40
    knock_at_everything(client)
    deletes_and_adds(client, house)
    after = limits()
    assert {key: after.get(key) for key in before if after.get(key) != before[key]} == {}
    assert set(after) - set(before) == set()


def test_the_same_knocks_by_a_platform_admin_do(house):
    client = browser(house.admin)
    before = limits()
    knock_at_everything(client)
    changed = {(key[0], key[2]) for key, value in limits().items() if before.get(key) != value}
    for model in (Project, Key, Guard, GuardAttachment, Model, Group, GroupMapping):
        for name in WISHES[model]:
            assert (model, name) in changed, (model, name)


@pytest.mark.parametrize("name", ["olivia", "adam"])
def test_their_own_forms_are_saved_without_what_limits(house, name):
    """The forms of team and project take what is theirs: the wishes are left out, not refused with all the rest."""
    client = browser(getattr(house, name))
    for row, field, wish in (
        (house.research, "name", "Renamed"),
        (house.assistant, "description", "Renamed"),
    ):
        path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        page = client.get(path)
        offered = set(re.findall(r'name="(\w+)"', page.content.decode()))
        assert not offered & set(WISHES[type(row)])
        body = {**filled(page), field: wish, **WISHES[type(row)]}
        assert client.post(path, body).status_code == 302
        row.refresh_from_db()
        assert getattr(row, field) == wish


def test_the_pages_of_what_limits_offer_them_nothing_to_change(house):
    client = browser(house.olivia)
    for model in (Grant, GroupMapping, Model, Key):
        for row in limiting(model):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
            page = client.get(reverse(name, args=[row.pk]))
            if page.status_code == 200:
                assert 'name="_save"' not in page.content.decode(), model
    assert client.get(reverse("admin:teams_group_changelist")).status_code == 403


def test_every_registered_page_with_a_field_that_limits_is_walked():
    """A new field of this kind, or a new model of the platform's, has to be thought of here."""
    kinds = {"monthly_budget", "requests_per_minute", "requests_per_second", "allowed_regions"}
    for model in admin.site._registry:
        names = {field.name for field in model._meta.concrete_fields} & kinds
        assert names <= set(WISHES.get(model, {})), model


@pytest.mark.parametrize("name", ["olivia", "admin"])
def test_a_slug_stays(cast, name):
    client = Client()
    client.force_login(getattr(cast, name))
    answer = client.patch("/api/teams/research/", {"slug": "other"}, "application/json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["slug"])
    same = {"slug": "research", "name": "Better"}
    assert client.patch("/api/teams/research/", same, "application/json").status_code == 200
    assert Team.objects.get(slug="research").name == "Better"
