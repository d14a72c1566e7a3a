"""What people gained and lost between two days, or between a day and now: snapshots compared, person by person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from portal.errors import Refusal
from projects.access.differences import Difference, beside, compare
from projects.access.loading import Selection
from projects.access.packing import Held
from projects.access.reaches import Row
from projects.access.states import Present, State, Stored
from projects.models import PermissionSnapshot

LOOKED_AT = 5_000  # people in one page, changed or not: a page ends, however little has changed
ROWS = 2_000  # a page ends with the person who brings more than these
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Only:
    """What part of the differences: of a team or project by its slug at either moment, of a person by id."""

    team: str = ""
    project: str = ""
    user: int = 0

    def takes(self, row: Row) -> bool:
        return (not self.team or row.team == self.team) and (
            not self.project or row.project == self.project
        )


@dataclass(slots=True)
class Page:
    """Some people's differences. `last` is where the next page begins; None on the last one."""

    found: list[Difference] = field(default_factory=list)
    last: int | None = None


class History:
    """Two moments as somebody sees them. `before` and `after` are the snapshots that were used; None for now."""

    def __init__(self, selection: Selection, *, since: date, until: date | None) -> None:
        self.before = _at(since, "from")
        self.after = _at(until, "to") if until is not None else None
        if until is not None and until < since:
            raise Refusal("validation_failed", fields={"to": [_("This is before the first day.")]})
        self._old: State = Stored(self.before, selection)
        same = self.after is not None and self.after.pk == self.before.pk
        self._new: State = self._old
        if not same:
            self._new = Present(selection) if self.after is None else Stored(self.after, selection)
        both = self._old.places.keys() | self._new.places.keys()
        self._moved = {
            key for key in both if self._old.places.get(key) != self._new.places.get(key)
        }
        self.sees_all = selection.sees_all

    def only(self, *, team: str = "", user: str = "", project: str = "") -> Only:
        """Names become what they stand for; `not_found` for what was at neither moment, as far as one sees it."""
        places = [*self._old.places.values(), *self._new.places.values()]
        if team and not any(place.team == team for place in places):
            raise Refusal("not_found")
        if project and not any(place.project == project for place in places):
            raise Refusal("not_found")
        return Only(team, project, self._person(user) if user else 0)

    def _person(self, name: str) -> int:
        """By e-mail, or by id where they are no more. Who sees some teams alone learns nothing of other people."""
        if name.isdecimal():
            return min(int(name), 2**62) or NOBODY
        key = User.objects.filter(email=name.strip().lower()).values_list("pk", flat=True).first()
        if key is None and self.sees_all:
            raise Refusal("not_found")
        return key or NOBODY

    def page(self, only: Only, *, after: int = 0, limit: int) -> Page:
        """The next people whose rows differ, at most so many; `conflict` where a snapshot went meanwhile."""
        page = self._page(only, after, limit)
        used = {one.pk for one in (self.before, self.after) if one is not None}
        if PermissionSnapshot.objects.filter(pk__in=used).count() < len(used):
            raise Refusal("conflict", _("This day's snapshot was taken anew meanwhile: ask again."))
        return page

    def _page(self, only: Only, after: int, limit: int) -> Page:
        page, looked_at, rows, last = Page(), 0, 0, 0
        first = max(after, only.user - 1)
        if only.user == NOBODY:
            return page
        for person, old, new in beside(self._old.people(first), self._new.people(first)):
            if only.user and person != only.user:
                return page
            if len(page.found) >= limit or looked_at >= LOOKED_AT or rows > ROWS:
                page.last = last
                return page
            looked_at, last = looked_at + 1, person
            if (found := self._difference(person, old, new, only)) is not None:
                page.found.append(found)
                rows += len(found.gained) + len(found.lost) + len(found.changed)
        return page

    def _difference(
        self, person: int, old: list[Held], new: list[Held], only: Only
    ) -> Difference | None:
        if old == new and not self._touches(old):
            return None
        before = filter(only.takes, _rows(person, old, self._old))
        after = filter(only.takes, _rows(person, new, self._new))
        return compare(person, before, after) or None

    def _touches(self, held: list[Held]) -> bool:
        """Whether a project of these is not what it was."""
        return bool(self._moved) and any(not self._moved.isdisjoint(one.projects) for one in held)


def _at(day: date, name: str) -> PermissionSnapshot:
    """The nearest snapshot at or before this day; `validation_failed` where there is none."""
    found = PermissionSnapshot.objects.at(day)
    if found is None:
        first = PermissionSnapshot.objects.order_by("day").first()
        words = (
            _("The first snapshot is of %(day)s.") % {"day": date_format(first.day, "Y-m-d")}
            if first
            else _("There is no snapshot yet; the first is taken at night.")
        )
        raise Refusal("validation_failed", words, fields={name: [words]})
    return found


def _rows(person: int, held: Iterable[Held], state: State) -> Iterator[Row]:
    for path, projects, without in held:
        left_out = frozenset(without)
        for key in projects:
            if key not in left_out and (place := state.places.get(key)) is not None:
                yield Row(
                    user=person,
                    email="",
                    project=place.project,
                    team=place.team,
                    role=path.role,
                    via=path.via,
                    chats=path.chats,
                    custom_role=path.custom_role,
                    open=place.open,
                )


def emails(found: Iterable[Difference]) -> dict[int, str]:
    """Of the people of a page; who is missing exists no longer."""
    ids = [one.user for one in found]
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))


def moment(snapshot: PermissionSnapshot | None) -> dict[str, Any]:
    """Which snapshot was used, for the answer; nulls say that it is the present."""
    if snapshot is None:
        return {"snapshot": None, "taken_at": None}
    return {"snapshot": snapshot.day.isoformat(), "taken_at": snapshot.taken_at.isoformat()}
