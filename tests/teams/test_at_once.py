"""Two deeds on a team's people at the same moment: one waits, and sees what the other did."""

from threading import Barrier, Event, Thread

import pytest
from django.db import connection, transaction

from portal.errors import Refusal
from teams import actions
from teams.actions import change_role, remove_member
from teams.groups import map_group, set_groups_of, set_members_of, unmap_group
from teams.models import Group, GroupMapping, GroupMember, Membership
from teams.removal_actions import leave_team
from tests.cast import build_cast

pytestmark = pytest.mark.django_db(transaction=True)


def together(*deeds):
    """Runs them in threads that begin at once; what each came to, in their order."""
    barrier, outcomes = Barrier(len(deeds)), [""] * len(deeds)

    def run(place, deed):
        try:
            barrier.wait(20)
            deed()
            outcomes[place] = "done"
        except Refusal as refusal:
            outcomes[place] = refusal.code
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def two_owners():
    cast = build_cast()
    return cast, actions.add_member(by=cast.admin, team=cast.research, user=cast.sam, role="owner")


WAYS = {
    "leaves": lambda cast, user, row: leave_team(by=user, team=cast.research),
    "is demoted": lambda cast, user, row: change_role(by=user, membership=row, role="viewer"),
    "is removed": lambda cast, user, row: remove_member(by=cast.admin, membership=row),
}


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_of_two_owners_who_go_at_once_one_stays(first, second):
    cast, sams = two_owners()
    olivias = Membership.objects.get(user=cast.olivia)
    outcomes = together(
        lambda: WAYS[first](cast, cast.olivia, olivias),
        lambda: WAYS[second](cast, cast.sam, sams),
    )
    assert sorted(outcomes) == ["conflict", "done"]
    assert Membership.objects.filter(team=cast.research, role="owner").count() == 1


@pytest.mark.parametrize(
    ("deed", "options"), [(change_role, {"role": "viewer"}), (remove_member, {})]
)
def test_a_role_that_was_raised_meanwhile_is_the_one_that_counts(deed, options):
    """Adam has read Marco as a member when Olivia makes him an owner."""
    cast = build_cast()
    as_read = Membership.objects.get(user=cast.marco)
    change_role(by=cast.olivia, membership=Membership.objects.get(user=cast.marco), role="owner")
    with pytest.raises(actions.OwnersOnly):
        deed(by=cast.adam, membership=as_read, **options)
    assert Membership.objects.get(user=cast.marco).role == "owner"


def test_what_somebody_else_took_away_meanwhile_is_not_there():
    cast = build_cast()
    as_read = Membership.objects.get(user=cast.marco)
    Membership.objects.filter(user=cast.marco).delete()
    for deed in (
        lambda: remove_member(by=cast.adam, membership=as_read),
        lambda: change_role(by=cast.adam, membership=as_read, role="viewer"),
    ):
        with pytest.raises(Refusal) as refused:
            deed()
        assert refused.value.code == "not_found"


def chemists(cast):
    return Group.objects.create(source="ldap", name="chemists")


def sign_in(cast):
    set_groups_of(by=cast.marco, user=cast.marco, source="ldap", names=["chemists"])


def test_two_sign_ins_at_once_give_one_membership():
    cast = build_cast()
    map_group(by=cast.admin, group=chemists(cast), team=cast.support, role="member")
    for _round in range(3):
        GroupMember.objects.all().delete()
        assert together(*[lambda: sign_in(cast)] * 4) == ["done"] * 4
        assert Membership.objects.filter(user=cast.marco, team=cast.support).count() == 1


@pytest.mark.parametrize("is_mapped", [True, False])
def test_a_sign_in_beside_a_mapping_that_changes_ends_as_the_mapping_says(is_mapped):
    """What is read before the other one ends would leave a membership that nothing gives, or none where one is due."""
    if connection.vendor != "postgresql":
        pytest.skip("here one writes at a time")
    cast = build_cast()
    group = chemists(cast)
    if not is_mapped:
        map_group(by=cast.admin, group=group, team=cast.support, role="admin")
    barrier, ended = Barrier(2), Event()

    def signing_in():
        with transaction.atomic():
            sign_in(cast)
            barrier.wait(20)
            ended.wait(1)  # the other one ends meanwhile, unless it waits for this

    def mapping():
        barrier.wait(20)
        if is_mapped:
            map_group(by=cast.admin, group=group, team=cast.support, role="admin")
        else:
            unmap_group(by=cast.admin, mapping=GroupMapping.objects.get())
        ended.set()

    assert together(signing_in, mapping) == ["done", "done"]
    assert Membership.objects.filter(user=cast.marco, team=cast.support).exists() is is_mapped


def test_sign_ins_and_a_group_that_is_named_anew_do_not_stop_each_other():
    cast = build_cast()
    group = chemists(cast)
    map_group(by=cast.admin, group=group, team=cast.support, role="member")
    people = [cast.marco, cast.vera]
    for _round in range(5):
        GroupMember.objects.all().delete()
        outcomes = together(
            lambda: sign_in(cast),
            lambda: set_members_of(by=cast.admin, group=group, users=people),
            lambda: sign_in(cast),
        )
        assert outcomes == ["done"] * 3
        assert set(group.members.values_list("user_id", flat=True)) == {one.pk for one in people}
