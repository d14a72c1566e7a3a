"""Every form of the console explains each of its fields."""

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from portal.models import Model
from projects.models import Project
from teams.models import Grant, Membership, Team
from tests.console.test_doors import rows


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_every_field_that_can_be_changed_says_what_it_is(cast, model):
    console = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = cast.admin
    row = rows(cast)[model]
    forms = []
    if console.has_add_permission(request):
        forms.append(console.get_form(request, None))
    if console.has_change_permission(request, row):
        forms.append(console.get_form(request, row, change=True))
        forms += [
            formset.form for formset, _inline in console.get_formsets_with_inlines(request, row)
        ]
    silent = {
        name
        for form in forms
        for name, field in form.base_fields.items()
        if not (field.help_text or field.widget.is_hidden or name == "id")
    }
    assert silent == set()


def test_what_a_stored_row_points_at_stays_and_the_row_can_be_removed(cast):
    """Of a team's grants: a forged reference changes nothing, the box removes the row."""
    other = Model.objects.create(provider=cast.model.provider, name="other")
    client = Client()
    client.force_login(cast.admin)
    url = f"/admin/teams/team/{cast.research.pk}/change/"
    grant = Grant.objects.get(team=cast.research)
    assert str(cast.model) in client.get(url).content.decode()
    form = {
        "name": "Research",
        "grants-TOTAL_FORMS": 1,
        "grants-INITIAL_FORMS": 1,
        "grants-0-id": grant.pk,
        "grants-0-team": cast.research.pk,
        "grants-0-model": other.pk,
    }
    assert client.post(url, form).status_code == 302
    grant.refresh_from_db()
    assert grant.model == cast.model
    assert client.post(url, {**form, "grants-0-DELETE": "on"}).status_code == 302
    assert not Grant.objects.filter(team=cast.research).exists()


@pytest.mark.parametrize("person", ["admin", "sam"])
def test_a_team_without_projects_is_deleted_with_its_last_owner(cast, person):
    Project.objects.filter(team=cast.support).delete()
    client = Client()
    client.force_login(getattr(cast, person))
    url = f"/admin/teams/team/{cast.support.pk}/delete/"
    page = client.get(url)
    assert page.status_code == 200
    assert b"doesn't have permission" not in page.content.replace(b"&#x27;", b"'")
    assert client.post(url, {"post": "yes"}).status_code == 422  # its name was not typed
    assert client.post(url, {"post": "yes", "name": "Support"}).status_code == 302
    assert not Team.objects.filter(slug="support").exists()
    assert not Membership.objects.filter(user=cast.sam).exists()


def test_the_last_owner_of_a_team_that_stays_is_not_removed(cast):
    client = Client()
    client.force_login(cast.admin)
    owner = Membership.objects.get(team=cast.support, user=cast.sam)
    url = f"/admin/teams/membership/{owner.pk}/delete/"
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert Membership.objects.filter(pk=owner.pk).exists()


@pytest.mark.parametrize("garbage", ["abc", "1" * 30, "1,2", "\u0661x", "-"])
def test_what_is_no_key_is_refused_with_the_form(cast, garbage):
    client = Client(raise_request_exception=False)
    client.force_login(cast.admin)
    sent = {"team": garbage, "user": str(cast.sam.pk), "role": "member"}
    answer = client.post("/admin/teams/membership/add/", sent)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["team"]
