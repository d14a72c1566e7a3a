"""Groups give memberships and take them away again; what was made by hand stays, and who loses something is put out."""

import random

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given as given_any
from hypothesis import strategies as st

from accounts.models import Session
from audit.models import Entry
from portal.errors import Refusal
from portal.tenancy import NOTHING, tenant
from teams import groups
from teams.groups import given, map_group, set_groups_of, set_members_of, unmap_group
from teams.models import CustomRole, Group, GroupMapping, GroupMember, Membership, rights_of
from teams.roles import PERMISSIONS, Rights
from tests.accounts.test_sessions import signed_in


@pytest.fixture
def chemists(cast):
    """A group of a directory that makes its people members of support."""
    group = Group.objects.create(source="ldap", name="chemists")
    map_group(by=cast.admin, group=group, team=cast.support, role="member")
    return group


def roles(user):
    rows = Membership.objects.filter(user=user).values_list("team__slug", "role", "from_groups")
    return {team: (role, from_groups) for team, role, from_groups in rows}


def sign_in_with(cast, *names, source="ldap"):
    set_groups_of(by=cast.marco, user=cast.marco, source=source, names=names)
    return roles(cast.marco)


def test_a_sign_in_adds_and_the_next_one_removes(cast, chemists):
    assert sign_in_with(cast, "chemists", "nobody added this one") == {
        "research": ("member", False),
        "support": ("member", True),
    }
    assert sign_in_with(cast) == {"research": ("member", False)}
    assert Group.objects.count() == 1


def test_one_source_says_nothing_of_anothers_groups(cast, chemists):
    sign_in_with(cast, "chemists")
    assert "support" in sign_in_with(cast, source="oidc:corp")
    assert "support" in sign_in_with(cast, "chemists", source="oidc:corp")
    assert "support" not in sign_in_with(cast, source="ldap")


def test_the_strongest_role_of_several_groups_holds(cast, chemists):
    admins = Group.objects.create(source="ldap", name="heads")
    map_group(by=cast.admin, group=admins, team=cast.support, role="admin")
    assert sign_in_with(cast, "chemists", "heads")["support"] == ("admin", True)
    assert sign_in_with(cast, "chemists")["support"] == ("member", True)


def test_what_was_made_by_hand_stays_as_it_is(cast, chemists):
    map_group(by=cast.admin, group=chemists, team=cast.research, role="viewer")
    before = roles(cast.olivia)
    set_members_of(by=cast.admin, group=chemists, users=[cast.olivia, cast.sam])
    assert roles(cast.olivia) == before | {"support": ("member", True)}
    assert roles(cast.sam) == {"support": ("owner", False), "research": ("viewer", True)}
    set_members_of(by=cast.admin, group=chemists, users=[])
    assert roles(cast.olivia) == before
    assert roles(cast.sam) == {"support": ("owner", False)}


def test_a_mapping_reaches_those_who_are_in_the_group_already(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco, cast.vera])
    mapping = map_group(by=cast.admin, group=chemists, team=cast.support, role="viewer")
    assert roles(cast.marco)["support"] == roles(cast.vera)["support"] == ("viewer", True)
    unmap_group(by=cast.admin, mapping=mapping)
    assert "support" not in roles(cast.marco)


def test_a_group_goes_with_what_it_gave(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco])
    groups.delete_group(by=cast.admin, group=chemists)
    assert roles(cast.marco) == {"research": ("member", False)}
    assert not GroupMapping.objects.exists()


def test_a_group_makes_no_owners_and_uses_the_teams_own_custom_roles(cast, chemists):
    with pytest.raises(Exception, match="group_mapping_role_known"):
        map_group(by=cast.admin, group=chemists, team=cast.support, role="owner")


def test_a_custom_role_of_another_team_is_refused(cast, chemists):
    theirs = CustomRole.objects.create(team=cast.research, name="Helper", base="admin")
    with pytest.raises(Refusal):
        map_group(
            by=cast.admin, group=chemists, team=cast.support, role="admin", custom_role=theirs
        )


@pytest.mark.parametrize(
    ("role", "custom", "stays"),
    [("admin", None, True), ("member", None, True), ("viewer", None, False), ("member", [], False)],
)
def test_who_loses_something_loses_their_sessions(cast, chemists, role, custom, stays):
    sign_in_with(cast, "chemists")
    browser = signed_in("marco@example.com")
    own = None
    if custom is not None:
        own = CustomRole.objects.create(
            team=cast.support, name="Less", base=role, permissions=custom
        )
    map_group(by=cast.admin, group=chemists, team=cast.support, role=role, custom_role=own)
    assert (browser.get("/").status_code == 200) is stays
    assert Session.objects.live().filter(user=cast.marco).exists() is stays


def test_leaving_a_group_ends_everything_and_nothing_else_does(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco, cast.vera])
    marco, vera = signed_in("marco@example.com"), signed_in("vera@example.com")
    set_members_of(by=cast.admin, group=chemists, users=[cast.vera, cast.adam])
    assert marco.get("/").status_code == 302
    assert vera.get("/").status_code == 200


def test_a_sign_in_follows_them_while_no_team_is_in_sight(cast, chemists):
    for names, is_in in ((["chemists"], True), ([], False)):
        with tenant(NOTHING):
            set_groups_of(by=cast.marco, user=cast.marco, source="ldap", names=names)
        assert ("support" in roles(cast.marco)) is is_in


def test_who_runs_a_team_is_not_told_who_is_in_which_group(cast, chemists):
    map_group(by=cast.admin, group=chemists, team=cast.research, role="member")
    set_members_of(by=cast.admin, group=chemists, users=[cast.sam])
    for user, is_told in ((cast.admin, True), (cast.auditor, True), (cast.adam, False)):
        client = Client()
        client.force_login(user)
        address = "/api/permissions/explain?user=sam@example.com&project=assistant"
        assert ("chemists" in client.get(address).content.decode()) is is_told


def test_the_trail_has_the_person_the_mapping_and_the_membership(cast, chemists):
    set_members_of(by=cast.admin, group=chemists, users=[cast.marco])
    set_members_of(by=cast.admin, group=chemists, users=[])
    rows = Entry.objects.values_list("action", "target_type", "team_id")
    for kind, team in (("teams.GroupMember", None), ("teams.Membership", cast.support.pk)):
        assert {("create", kind, team), ("delete", kind, team)} <= set(rows)


def test_what_it_costs_does_not_grow_with_the_groups(cast):
    def costs(count):
        for number in range(count):
            group, _new = Group.objects.get_or_create(source="ldap", name=f"g{number}")
            GroupMapping.objects.get_or_create(group=group, team=cast.support)
        names = [f"g{number}" for number in range(count)]
        set_groups_of(by=cast.marco, user=cast.marco, source="ldap", names=names)
        with CaptureQueriesContext(connection) as captured:
            set_groups_of(by=cast.marco, user=cast.marco, source="ldap", names=names)
        return len(captured)

    assert costs(2) == costs(30)
    assert GroupMember.objects.filter(user=cast.marco).count() == 30


KEPT = sorted(PERMISSIONS["admin"])
MAPPINGS = st.lists(
    st.builds(
        lambda pk, team, role, kept: GroupMapping(
            pk=pk,
            team_id=team,
            role=role,
            custom_role=None if kept is None else CustomRole(base=role, permissions=kept),
        ),
        st.integers(1, 1000),
        st.integers(1, 3),
        st.sampled_from(["viewer", "member", "admin"]),
        st.none() | st.lists(st.sampled_from(KEPT), max_size=4),
    ),
    max_size=8,
    unique_by=lambda mapping: mapping.pk,
)


@given_any(mappings=MAPPINGS, seed=st.integers())
def test_the_strongest_is_one_of_them_whatever_their_order(mappings, seed):
    found = given(mappings)
    shuffled = list(mappings)
    random.Random(seed).shuffle(shuffled)
    assert given(shuffled) == found
    assert set(found) == {mapping.team_id for mapping in mappings}
    for mapping in mappings:
        best = Rights.of(found[mapping.team_id].role)
        assert best.rank >= rights_of(mapping).rank
