"""What would be gained, lost and changed by changes, before any of them is made."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from portal.errors import Refusal
from portal.models import Model
from projects.access.changes import OPERATIONS, Change
from projects.access.differences import Difference, compare
from projects.access.facts import Person, Places
from projects.access.loading import Selection, in_chunks, in_teams, places
from projects.access.plan import Names, Plan
from projects.access.reaches import Row, rows
from teams.models import CustomRole, Group, GroupMapping, GroupMember

SHOWN = 10_000  # rows in an answer; the rest is counted
Json = dict[str, Any]


def simulate(*, by: Any, selection: Selection, changes: list[Change]) -> Json:
    """`gained`, `lost`, `changed`, how many there are of each, and how many are left out of the answer.

    Of what `by` sees: `selection` is all of that. People are looked at chunk by chunk, and nothing is kept of them but
    the rows of the answer.
    """
    if not selection.sees_all and any(OPERATIONS[one.op].of_the_platform for one in changes):
        raise Refusal("permission_denied")
    here = places(selection)
    has_groups = any("group" in change.fields for change in changes)
    plan = Plan(
        here=here,
        names=_names(by, selection, here, changes),
        mappings=_mappings() if has_groups else {},
    )
    for change in changes:
        plan.take(change)
    answer = Answer()
    for found in _differences(selection, here, plan, has_groups):
        answer.add(found)
    return answer.as_json()


def _names(by: Any, selection: Selection, here: Places, changes: list[Change]) -> Names:
    def named(field: str) -> set[Any]:
        return {change[field] for change in changes if change[field] is not None}

    emails = {text.strip().lower() for text in named("user")}
    people = selection.accounts().filter(email__in=emails).values_list("email", "pk")
    models = Model.objects.visible_to(by).filter(pk__in=named("model"))
    groups = Group.objects.filter(pk__in=named("group")) if selection.sees_all else ()
    own = CustomRole.objects.filter(team_id__in=here.teams, name__in=named("custom_role"))
    return Names(
        people=dict(people) if emails else {},
        teams={team.slug: team for team in here.teams.values()},
        projects={project.slug: project for project in here.projects.values()},
        models=frozenset(model.pk for model in models),
        groups=frozenset(group.pk for group in groups),
        custom_roles={(role.team_id, role.name): role for role in own},
    )


def _mappings() -> dict[int, tuple[GroupMapping, ...]]:
    found: dict[int, tuple[GroupMapping, ...]] = {}
    for mapping in GroupMapping.objects.select_related("custom_role").order_by("pk"):
        found[mapping.group_id] = (*found.get(mapping.group_id, ()), mapping)
    return found


def _differences(
    selection: Selection, here: Places, plan: Plan, has_groups: bool
) -> Iterator[Difference]:
    after = plan.places()
    for chunk in _touched(selection, plan):
        groups = _groups(chunk) if has_groups else {}
        for person in chunk:
            changed = plan.person(person, groups.get(person.id, ()))
            yield compare(person.id, rows(person, here), rows(changed, after))


def _touched(selection: Selection, plan: Plan) -> Iterator[list[Person]]:
    """Whoever the changes could concern, in chunks: named people, those of touched groups and teams, who reaches all."""
    rule = Q(pk__in=plan.users)
    if plan.teams:
        rule |= Q(is_superuser=True) | Q(pk__in=in_teams(team_id__in=plan.teams))
    if plan.groups:
        members = GroupMember.objects.order_by().filter(group_id__in=plan.groups)
        rule |= Q(pk__in=members.values("user_id"))
    return in_chunks(selection, selection.accounts().filter(rule))


def _groups(people: list[Person]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    members = GroupMember.objects.order_by().filter(user_id__in=[one.id for one in people])
    for user, group in members.values_list("user_id", "group_id"):
        found.setdefault(user, []).append(group)
    return found


class Answer:
    """Collects rows up to a bound, and counts all."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {"gained": [], "lost": [], "changed": []}
        self._counts = dict.fromkeys(self._rows, 0)

    def add(self, found: Difference) -> None:
        for kind, new in (
            ("gained", map(as_json, found.gained)),
            ("lost", map(as_json, found.lost)),
            ("changed", map(_pair, found.changed)),
        ):
            count = len(getattr(found, kind))
            room = SHOWN - sum(map(len, self._rows.values()))
            self._counts[kind] += count
            self._rows[kind] += [row for row, _slot in zip(new, range(room), strict=False)]

    def as_json(self) -> Json:
        left_out = sum(self._counts.values()) - sum(map(len, self._rows.values()))
        return {**self._rows, "counts": self._counts, "left_out": left_out}


def _pair(rows: tuple[Row, Row]) -> Json:
    return {"before": as_json(rows[0]), "after": as_json(rows[1])}


def as_json(row: Row) -> Json:
    return {**row._asdict(), "custom_role": row.custom_role or None}
