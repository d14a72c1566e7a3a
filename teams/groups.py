"""From groups to memberships. What groups give is marked `from_groups`; what was made by hand is never touched.

Sign-in, a directory or the API say who is in a group; mappings say what that gives in which team. Each deed adds,
changes and removes what follows from it, and who loses something loses all sessions and tokens with it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from accounts.actions import end_sessions_of
from accounts.models import User
from portal.tenancy import EVERYTHING, tenant
from teams.backends import forget_roles
from teams.models import (
    CustomRole,
    Group,
    GroupMapping,
    GroupMember,
    Membership,
    Team,
    rights_of,
)

AT_ONCE = 500  # people in one statement


def given(mappings: Iterable[GroupMapping]) -> dict[int, GroupMapping]:
    """Of the mappings of somebody's groups the strongest one for each team, by team id. Pure: nothing is read.

    The higher role wins; of two on one base the built-in one, then the custom role that keeps more, then the older.
    """
    found: dict[int, GroupMapping] = {}
    for mapping in sorted(mappings, key=_strength):
        found[mapping.team_id] = mapping
    return found


def _strength(mapping: GroupMapping) -> tuple[int, int, int]:
    rights = rights_of(mapping)
    return rights.rank, len(rights.permissions), -(mapping.pk or 0)


@transaction.atomic
def set_groups_of(*, by: Any, user: User, source: str, names: Iterable[str]) -> None:
    """Replaces the groups that one source says somebody is in. Names that nobody added as a group are passed over.

    For a sign-in to call before it makes its session: who loses something here is put out everywhere else.
    """
    with tenant(EVERYTHING):  # whoever signs in sees no group, and no team yet
        _set_groups_of(by, user, source, names)
    user.refresh_from_db(fields=["session_epoch"])
    forget_roles(user)


def _set_groups_of(by: Any, user: User, source: str, names: Iterable[str]) -> None:
    wanted = set(
        Group.objects.filter(source=source, name__in=set(names)).values_list("pk", flat=True)
    )
    rows = GroupMember.objects.filter(user=user, group__source=source)
    held = set(rows.values_list("group_id", flat=True))
    if wanted != held:
        _lock(*wanted, *held)
        _lock_people([user.pk])
        held = set(rows.values_list("group_id", flat=True))  # another sign-in may have been faster
        rows.filter(group_id__in=held - wanted).delete()
        GroupMember.objects.bulk_create(
            GroupMember(group_id=group, user=user) for group in sorted(wanted - held)
        )
    _follow(by=by, users=[user.pk])


@transaction.atomic
def set_members_of(*, by: Any, group: Group, users: Iterable[User]) -> None:
    """Replaces the people of a group."""
    _lock(group.pk)
    wanted = {user.pk for user in users}
    held = set(group.members.values_list("user_id", flat=True))
    group.members.filter(user_id__in=held - wanted).delete()
    GroupMember.objects.bulk_create(
        GroupMember(group=group, user_id=user) for user in sorted(wanted - held)
    )
    _follow(by=by, users=wanted ^ held)


@transaction.atomic
def delete_group(*, by: Any, group: Group) -> None:
    """With a group go its mappings, and what they gave."""
    _lock(group.pk)
    held = list(group.members.values_list("user_id", flat=True))
    group.delete()
    _follow(by=by, users=held)


@transaction.atomic
def map_group(
    *, by: Any, group: Group, team: Team, role: str, custom_role: CustomRole | None = None
) -> GroupMapping:
    """What the group gives in this team from now on, to the people who are in it already too."""
    _lock(group.pk)
    mapping = GroupMapping.objects.filter(group=group, team=team).first()
    mapping = mapping or GroupMapping(group=group, team=team)
    mapping.role, mapping.custom_role = role, custom_role
    mapping.save()
    _follow(by=by, users=group.members.values_list("user_id", flat=True))
    return mapping


@transaction.atomic
def unmap_group(*, by: Any, mapping: GroupMapping) -> None:
    """Takes away what the group gave, unless another group gives it too."""
    group = mapping.group
    _lock(group.pk)
    mapping.delete()
    _follow(by=by, users=group.members.values_list("user_id", flat=True))


def _lock(*groups: int) -> None:
    """Before people are: who is put into a group waits for its mappings being changed, and the other way round."""
    rows = Group.objects.select_for_update().filter(pk__in=groups)
    list(rows.order_by("pk").values_list("pk"))


def _lock_people(ids: list[int]) -> None:
    list(User.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def _follow(*, by: Any, users: Iterable[int]) -> None:
    """Makes the memberships of these people what their groups give."""
    ids = sorted(users)
    for start in range(0, len(ids), AT_ONCE):
        _follow_some(by, ids[start : start + AT_ONCE])


def _follow_some(by: Any, ids: list[int]) -> None:
    _lock_people(ids)
    wanted = _wanted(ids)
    rows = Membership.objects.filter(user_id__in=ids).select_related("custom_role").order_by("pk")
    stored = {(row.user_id, row.team_id): row for row in rows}
    Membership.objects.bulk_create(
        Membership(
            user_id=user,
            team_id=team,
            role=mapping.role,
            custom_role_id=mapping.custom_role_id,
            from_groups=True,
        )
        for (user, team), mapping in wanted.items()
        if (user, team) not in stored
    )
    losers = {
        row.user_id
        for key, row in stored.items()
        if row.from_groups and _takes_away(row, wanted.get(key))
    }
    if losers:
        end_sessions_of(by=by, users=losers)


def _wanted(ids: list[int]) -> dict[tuple[int, int], GroupMapping]:
    """What groups give to these people, by person and team."""
    groups = defaultdict(list)
    members = GroupMember.objects.filter(user_id__in=ids).order_by()
    for user, group in members.values_list("user_id", "group_id"):
        groups[user].append(group)
    mappings = defaultdict(list)
    rows = GroupMapping.objects.filter(group_id__in=members.values("group_id"))
    for mapping in rows.select_related("custom_role").order_by():
        mappings[mapping.group_id].append(mapping)
    return {
        (user, team): mapping
        for user, held in groups.items()
        for team, mapping in given(one for group in held for one in mappings[group]).items()
    }


def _takes_away(row: Membership, mapping: GroupMapping | None) -> bool:
    """Makes the membership what the mapping gives; whether its holder may less than before."""
    if mapping is None:
        row.delete()
        return True
    if (row.role, row.custom_role_id) == (mapping.role, mapping.custom_role_id):
        return False
    before = rights_of(row)
    row.role, row.custom_role = mapping.role, mapping.custom_role
    row.save(update_fields=["role", "custom_role"])
    return not rights_of(row).cover(before)
