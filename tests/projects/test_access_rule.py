"""The rule of who reaches what, and what is read for it: on plain values, and on the cast's rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.errors import Refusal
from projects.access.facts import Person, Places, ProjectFact, Standing, TeamFact
from projects.access.loading import Selection, people, places, these
from projects.access.reaches import Row, path_to, reaches, rows
from projects.models import ProjectMember
from teams.models import CustomRole, Membership, TeamArchive
from tests.projects.rows import diff, everybody

LAB, DESK, ATTIC = (
    TeamFact(1, "lab", "Lab"),
    TeamFact(2, "desk", "Desk"),
    TeamFact(3, "attic", "A", True),
)


def project(number, slug, team, visibility="private", **more):
    return ProjectFact(number, slug, slug, team.id, team.slug, visibility, **more)


PLACES = Places(
    teams=[LAB, DESK, ATTIC],
    projects=[
        project(1, "open", LAB, "public"),
        project(2, "secret", LAB),
        project(3, "other", LAB),
        project(4, "gone", LAB, "public", is_archived=True),
        project(5, "help", DESK, "public"),
        project(6, "dust", ATTIC, "public"),
    ],
)


def person(*standings, assigned=(), **flags):
    return Person(7, "p@example.com", standings=standings, assigned=frozenset(assigned), **flags)


def reached(who):
    found = {row.project: (row.role, row.via, row.chats) for row in rows(who, PLACES)}
    assert len(found) == len(list(rows(who, PLACES)))  # each project once
    return found


IN_LAB = {
    "owner": {slug: ("owner", "team-admin", True) for slug in ("open", "secret", "other")},
    "admin": {slug: ("admin", "team-admin", True) for slug in ("open", "secret", "other")},
    "member": {"open": ("member", "public", True)},
    "viewer": {
        "open": ("viewer", "public", False),
        "secret": ("viewer", "team-viewer", False),
        "other": ("viewer", "team-viewer", False),
    },
}


@pytest.mark.parametrize("role", IN_LAB)
def test_a_role_reaches_what_the_table_says(role):
    assert reached(person(Standing(1, role))) == IN_LAB[role]


def test_an_assignment_is_the_stronger_path_and_counts_in_the_team_alone():
    assigned = person(Standing(1, "member"), assigned=(1, 2, 4, 5, 6, 99))
    assert reached(assigned) == {
        "open": ("member", "member", True),
        "secret": ("member", "member", True),
    }
    assert reached(person(assigned=(1, 2))) == {}
    viewer = person(Standing(1, "viewer"), assigned=(1, 2))
    assert reached(viewer) == IN_LAB["viewer"]
    admin = person(Standing(1, "admin"), assigned=(1, 2))
    assert reached(admin) == IN_LAB["admin"]


def test_restricted_people_reach_what_they_are_assigned_to_and_nothing_more():
    for role in ("owner", "admin", "member"):
        who = person(Standing(1, role, "Own"), assigned=(2, 5), is_restricted=True)
        assert reached(who) == {"secret": ("member", "member", True)}
        assert next(rows(who, PLACES)).custom_role == ""
    assert reached(person(Standing(1, "viewer"), assigned=(2,), is_restricted=True)) == {}


def test_a_platform_admin_reaches_everything_that_is_not_archived():
    row = ("platform-admin", "platform-admin", True)
    admin = person(Standing(1, "viewer"), is_superuser=True)
    assert reached(admin) == dict.fromkeys(("open", "secret", "other", "help"), row)


def test_what_an_auditor_reads_is_no_access_but_what_they_have_as_a_member_is():
    assert reached(person(is_auditor=True)) == {}
    assert reached(person(Standing(1, "member"), is_auditor=True)) == IN_LAB["member"]


def test_inactive_people_and_archived_teams_reach_nothing():
    assert reached(person(Standing(1, "owner"), is_active=False)) == {}
    assert reached(person(is_superuser=True, is_active=False)) == {}
    assert reached(person(Standing(3, "owner"), assigned=(6,))) == {}


def test_a_custom_role_stands_beside_its_base():
    row = next(rows(person(Standing(1, "member", "Writers")), PLACES))
    assert (row.role, row.custom_role, row.via) == ("member", "Writers", "public")


def test_all_who_reach_a_teams_projects_share_one_tuple():
    first, second = person(Standing(1, "owner")), person(Standing(1, "admin"))
    assert reaches(first, PLACES)[0].projects is reaches(second, PLACES)[0].projects
    assert path_to(first, PLACES, 2).via == "team-admin"
    assert path_to(first, PLACES, 5) is None


def test_a_difference_names_people_in_order_and_nobody_who_kept_all():
    def cell(user, slug, role="member", email="x"):
        return Row(user, email, slug, "lab", role, "public", True)

    before = [cell(1, "a"), cell(2, "a"), cell(2, "b"), cell(4, "a", email="old")]
    after = [cell(2, "a", "viewer"), cell(2, "c"), cell(3, "a"), cell(4, "a", email="new")]
    one, two, three = diff(iter(before), iter(after))
    assert (one.user, one.lost, one.gained, one.changed) == (1, [cell(1, "a")], [], [])
    assert (two.lost, two.gained) == ([cell(2, "b")], [cell(2, "c")])
    assert two.changed == [(cell(2, "a"), cell(2, "a", "viewer"))]
    assert (three.user, three.gained) == (3, [cell(3, "a")])
    assert list(diff(before, before)) == []


def matrix(selection):
    here = places(selection)
    return {
        (row.email.partition("@")[0], row.project): row.via
        for one in everybody(selection, chunk=3)
        for row in rows(one, here)
    }


RESEARCH = {
    ("olivia", "assistant"): "team-admin",
    ("olivia", "drafts"): "team-admin",
    ("adam", "assistant"): "team-admin",
    ("adam", "drafts"): "team-admin",
    ("marco", "assistant"): "public",
    ("marco", "drafts"): "member",
    ("vera", "assistant"): "public",
    ("vera", "drafts"): "team-viewer",
    ("rita", "assistant"): "member",
}
ALL = RESEARCH | {("sam", "helpdesk"): "team-admin"}
ALL |= {("admin", slug): "platform-admin" for slug in ("assistant", "drafts", "helpdesk")}


def test_who_sees_all_sees_all_and_team_admins_their_team(cast):
    for name, expected in (
        ("admin", ALL),
        ("auditor", ALL),
        ("olivia", RESEARCH),
        ("adam", RESEARCH),
        ("sam", {("sam", "helpdesk"): "team-admin"}),
    ):
        assert matrix(Selection.of(getattr(cast, name))) == expected, name
    assert matrix(Selection.everything()) == ALL
    for name in ("marco", "vera", "rita"):
        with pytest.raises(Refusal) as refusal:
            Selection.of(getattr(cast, name))
        assert refusal.value.code == "permission_denied"


def test_people_of_other_teams_and_what_people_are_elsewhere_stay_unseen(cast):
    Membership.objects.create(team=cast.support, user=cast.marco, role="member")
    marco = these(Selection.of(cast.olivia), [cast.marco.pk, cast.sam.pk, cast.admin.pk])
    assert [(one.email, len(one.standings)) for one in marco] == [("marco@example.com", 1)]


def test_a_part_is_of_a_team_a_person_or_a_project(cast):
    def part(**which):
        return matrix(Selection.of(cast.admin, **which))

    assert part(team="support") == {k: v for k, v in ALL.items() if k[1] == "helpdesk"}
    assert part(user=" Marco@example.com") == {k: v for k, v in ALL.items() if k[0] == "marco"}
    assert part(project="drafts") == {k: v for k, v in ALL.items() if k[1] == "drafts"}
    for which in ({"team": "support"}, {"user": "sam@example.com"}, {"project": "helpdesk"}):
        with pytest.raises(Refusal) as refusal:
            Selection.of(cast.olivia, **which)
        assert refusal.value.code == "not_found"


def test_archived_teams_and_projects_and_custom_roles_are_read(cast):
    own = CustomRole.objects.create(team=cast.research, name="Writers", base="member")
    Membership.objects.filter(user=cast.marco).update(custom_role=own)
    TeamArchive.objects.create(team=cast.support)
    assert ("sam", "helpdesk") not in matrix(Selection.everything())
    here = places(Selection.everything())
    [marco] = these(Selection.everything(), [cast.marco.pk])
    assert {row.custom_role for row in rows(marco, here)} == {"Writers"}
    cast.model.is_active = False
    cast.model.save()
    assert not any(row.open for row in rows(marco, places(Selection.everything())))


def test_the_facts_cost_the_same_however_many_people_there_are(cast):
    def count():
        with CaptureQueriesContext(connection) as captured:
            people(Selection.everything(), limit=100)
            places(Selection.everything())
        return len(captured)

    few = count()
    for number in range(20):
        user = type(cast.marco).objects.create(email=f"p{number}@example.com")
        Membership.objects.create(team=cast.research, user=user, role="member")
        ProjectMember.objects.create(project=cast.drafts, user=user)
    assert count() == few == 7
