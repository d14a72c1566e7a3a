"""The history of an object on its own page: what happened to it and to what belongs to it, for who may read it."""

import html

from django.test import Client
from django.urls import reverse

from audit.models import Entry
from projects.models import ProjectGuard
from teams.models import Membership


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def history(client, row):
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_history"
    return client.get(reverse(name, args=[row.pk]))


def test_it_shows_the_objects_own_entries_with_ways_to_them(cast):
    cast.assistant.name = "Another name"
    cast.assistant.save()
    entry = Entry.objects.latest("id")
    page = history(signed_in(cast.olivia), cast.assistant)
    assert f"/admin/audit/entry/{entry.pk}/change/" in page.content.decode()
    assert {line.url for line in page.context["lines"]} >= {
        f"/admin/audit/entry/{entry.pk}/change/"
    }


def kinds(page):
    keys = [line.url.split("/")[4] for line in page.context["lines"]]
    found = Entry.objects.filter(pk__in=keys).values_list("action", "target_type")
    return set(found)


def test_rows_of_inlines_and_of_named_models_belong_to_it_also_once_they_are_gone(cast):
    row = ProjectGuard.objects.create(
        project=cast.assistant, guard=cast.guards["words"], stage="output"
    )
    row.mode = "warn"
    row.save()
    row.delete()
    found = kinds(history(signed_in(cast.olivia), cast.assistant))
    assert {(verb, "projects.ProjectGuard") for verb in ("create", "update", "delete")} <= found
    Membership.objects.get(team=cast.research, user=cast.vera).delete()
    page = history(signed_in(cast.olivia), cast.research)
    assert ("delete", "teams.Membership") in kinds(page)
    assert "With what belongs to it" in html.unescape(page.content.decode())


def test_rows_of_another_object_of_the_same_kind_are_not_in_it(cast):
    ProjectGuard.objects.create(
        project=cast.drafts, guard=cast.guards["words"], stage="output"
    ).delete()
    found = kinds(history(signed_in(cast.olivia), cast.assistant))
    assert ("delete", "projects.ProjectGuard") not in found


def test_of_a_deleted_object_the_filter_finds_what_happened(cast):
    row = ProjectGuard.objects.create(
        project=cast.drafts, guard=cast.guards["words"], stage="output"
    )
    key = row.pk
    row.delete()
    url = f"/admin/audit/entry/?object=projects.ProjectGuard:{key}"
    shown = signed_in(cast.olivia).get(url).context["cl"].result_list
    assert [entry.action for entry in shown] == ["delete", "create"]


def test_who_does_not_see_the_object_finds_no_history(cast):
    assert history(signed_in(cast.sam), cast.assistant).status_code == 404
    assert history(signed_in(cast.olivia), cast.helpdesk).status_code == 404


def test_it_turns_its_pages(cast):
    for n in range(60):
        cast.assistant.name = f"Name {n}"
        cast.assistant.save()
    client = signed_in(cast.admin)
    first = history(client, cast.assistant)
    assert len(first.context["lines"]) == 50
    url = reverse("admin:projects_project_history", args=[cast.assistant.pk])
    second = client.get(url + first.context["page"].older_url)
    assert len(second.context["lines"]) >= 11
    urls = {line.url for page in (first, second) for line in page.context["lines"]}
    assert len(urls) == len(first.context["lines"]) + len(second.context["lines"])
