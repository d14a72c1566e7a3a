"""The doors of groups: platform admins name and map them, team admins see what is mapped into their team, others nothing."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from teams.actions import FromGroups, change_role, remove_member
from teams.groups import map_group, set_members_of
from teams.models import CustomRole, Group, GroupMapping, Membership


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def chemists(cast):
    group = Group.objects.create(name="Chemists")
    map_group(by=cast.admin, group=group, team=cast.support, role="viewer")
    return group


def put(client, group, body, verb="put"):
    return getattr(client, verb)(f"/api/groups/{group.pk}/", body, "application/json")


def roles(user):
    return dict(Membership.objects.filter(user=user).values_list("team__slug", "role"))


def test_the_members_that_are_put_replace_those_before(cast, chemists):
    client = browser(cast.admin)
    answer = put(client, chemists, {"name": "Chemists", "members": ["Marco@example.com "]})
    assert (answer.json()["members"], answer.json()["people"]) == (["marco@example.com"], 1)
    assert roles(cast.marco)["support"] == "viewer"
    assert put(client, chemists, {"members": ["vera@example.com"]}, "patch").status_code == 200
    assert "support" not in roles(cast.marco)
    assert put(client, chemists, {"name": "Physicists"}, "patch").json()["people"] == 1
    assert put(client, chemists, {"members": ["x@example.com"]}, "patch").status_code == 422
    assert roles(cast.vera)["support"] == "viewer"
    (listed,) = client.get("/api/groups/").json()["results"]
    assert listed == {"id": chemists.pk, "source": "", "name": "Physicists", "people": 1}
    assert client.delete(f"/api/groups/{chemists.pk}/").status_code == 204
    assert "support" not in roles(cast.vera)


def test_who_is_in_a_group_of_a_source_is_not_said_here(cast):
    client = browser(cast.admin)
    made = client.post("/api/groups/", {"source": "ldap", "name": "heads"}, "application/json")
    assert made.status_code == 201
    group = Group.objects.get()
    assert put(client, group, {"members": []}, "patch").status_code == 409
    assert put(client, group, {"source": "scim"}, "patch").status_code == 422
    page = client.get(f"/admin/teams/group/{group.pk}/change/").content.decode()
    assert 'name="people"' not in page


def test_a_mapping_is_made_changed_and_removed_with_what_it_gives(cast, chemists):
    client = browser(cast.admin)
    set_members_of(by=cast.admin, group=chemists, users=[cast.sam])
    own = CustomRole.objects.create(team=cast.research, name="Helper", base="admin")
    body = {"group": chemists.pk, "team": "research", "custom_role": "Helper"}
    made = client.post("/api/group-mappings/", body, "application/json")
    assert made.status_code == 201, made.content
    assert (made.json()["role"], made.json()["group_name"]) == ("admin", "Chemists")
    assert Membership.objects.get(user=cast.sam, team=cast.research).custom_role == own
    path = f"/api/group-mappings/{made.json()['id']}/"
    for wrong in ({"role": "owner"}, {"team": "support"}, {"custom_role": "None of ours"}):
        assert client.patch(path, wrong, "application/json").status_code == 422, wrong
    changed = client.patch(path, {"role": "member"}, "application/json").json()
    assert (changed["role"], changed["custom_role"]) == ("member", None)
    assert roles(cast.sam)["research"] == "member"
    assert client.delete(path).status_code == 204
    assert "research" not in roles(cast.sam)


def test_the_console_does_the_same(cast, chemists):
    client = browser(cast.admin)
    page = f"/admin/teams/group/{chemists.pk}/change/"
    form = {"name": "Chemists", "people": "marco@example.com\nvera@example.com\n"}
    assert client.post(page, form).status_code == 302
    assert roles(cast.vera)["support"] == "viewer"
    mistaken = client.post(page, {"name": "Chemists", "people": "nobody@example.com"})
    assert "Nobody has this address: nobody@example.com." in mistaken.content.decode()
    mapping = GroupMapping.objects.get()
    path = f"/admin/teams/groupmapping/{mapping.pk}/"
    assert client.post(f"{path}change/", {"role": "member", "custom_role": ""}).status_code == 302
    assert roles(cast.vera)["support"] == "member"
    theirs = CustomRole.objects.create(team=cast.research, name="Theirs", base="member")
    new = {"group": chemists.pk, "team": cast.support.pk, "role": "member"}
    refused = client.post("/admin/teams/groupmapping/add/", {**new, "custom_role": theirs.pk})
    assert "This role is another team&#x27;s." in refused.content.decode()
    assert client.post(f"{path}delete/", {"post": "yes"}).status_code == 302
    assert "support" not in roles(cast.vera)
    client.post("/admin/teams/groupmapping/add/", {**new, "custom_role": ""})
    assert roles(cast.vera)["support"] == "member"
    assert (
        client.post(f"/admin/teams/group/{chemists.pk}/delete/", {"post": "yes"}).status_code == 302
    )
    assert "support" not in roles(cast.vera)


def test_team_admins_see_the_mappings_into_their_team_and_change_none(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco])
    map_group(
        by=cast.admin, group=Group.objects.create(name="Other"), team=cast.research, role="viewer"
    )
    client = browser(cast.sam)
    (seen,) = client.get("/api/group-mappings/").json()["results"]
    assert (seen["group_name"], seen["team"]) == ("Chemists", "support")
    page = client.get("/admin/teams/groupmapping/").content.decode()
    assert "Chemists" in page
    assert "Other" not in page
    path = f"/api/group-mappings/{seen['id']}/"
    assert client.patch(path, {"role": "admin"}, "application/json").status_code == 403
    assert client.delete(path).status_code == 403
    body = {"group": chemists.pk, "team": "support", "role": "admin"}
    assert client.post("/api/group-mappings/", body, "application/json").status_code == 403
    assert client.get("/api/groups/").json()["results"] == []
    assert client.get(f"/api/groups/{chemists.pk}/").status_code == 404
    assert put(client, chemists, {"members": []}).status_code == 404
    for name in ("group", "groupmember"):
        assert client.get(f"/admin/teams/{name}/").status_code == 403
    assert browser(cast.auditor).get("/api/groups/").json()["results"] != []


def test_what_groups_gave_is_changed_by_groups_or_made_ones_own_by_a_platform_admin(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco])
    row = Membership.objects.get(user=cast.marco, team=cast.support)
    client, path = browser(cast.sam), f"/api/memberships/{row.pk}/"
    assert client.patch(path, {"role": "member"}, "application/json").status_code == 409
    assert client.delete(path).status_code == 409
    page = client.get(f"/admin/teams/membership/{row.pk}/change/").content.decode()
    assert 'name="role"' not in page
    for deed in (
        lambda: change_role(by=cast.sam, membership=row, role="member"),
        lambda: remove_member(by=cast.sam, membership=row),
    ):
        with pytest.raises(FromGroups):
            deed()
    change_role(by=cast.admin, membership=row, role="owner")
    set_members_of(by=cast.admin, group=chemists, users=[])
    assert roles(cast.marco)["support"] == "owner"


def test_a_group_of_many_costs_no_more_queries_for_each(cast, chemists):
    people = [
        type(cast.marco).objects.create(email=f"p{number}@example.com") for number in range(60)
    ]

    def adding(some):
        set_members_of(by=cast.admin, group=chemists, users=[])
        with CaptureQueriesContext(connection) as captured:
            set_members_of(by=cast.admin, group=chemists, users=some)
        return len(captured)

    assert adding(people[:3]) == adding(people)
