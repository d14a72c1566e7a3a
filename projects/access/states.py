"""The matrix at two moments, in one form: as a snapshot kept it, and as it is now. Both give people by ascending id."""

from collections.abc import Iterator
from heapq import merge
from typing import Protocol

from projects.access.loading import Selection, in_chunks, places
from projects.access.packing import (
    EVERYWHERE,
    Held,
    Holder,
    Ids,
    Place,
    people_in,
    places_in,
    unpack,
)
from projects.access.reaches import reaches
from projects.models import PermissionSnapshot, PermissionSnapshotPart

Holding = tuple[int, list[Held]]  # a person by id, and all they reach
CHUNK = 500


class State(Protocol):
    """`places` are the projects that could be reached, by id."""

    places: dict[int, Place]

    def people(self, after: int) -> Iterator[Holding]: ...


class Present:
    """The matrix now, as far as `selection` sees it."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._here = places(selection)
        self._holder = Holder()
        self.places = {
            one.id: Place(one.slug, one.team_slug, one.is_open) for one in self._here.live
        }

    def people(self, after: int) -> Iterator[Holding]:
        for found in in_chunks(self._selection, after=after, size=CHUNK):
            for person in found:
                mine = [self._holder.held(reach) for reach in reaches(person, self._here)]
                if mine:
                    yield person.id, mine


class Stored:
    """A snapshot, as far as `selection` sees it; a chunk of its people is in memory at a time."""

    def __init__(self, snapshot: PermissionSnapshot, selection: Selection) -> None:
        self._parts = PermissionSnapshotPart.objects.filter(snapshot=snapshot)
        if selection.teams is not None:
            self._parts = self._parts.filter(team_id__in=selection.teams)
        self.places: dict[int, Place] = {}
        admins: set[int] = set()
        for part in self._parts.filter(chunk=0):
            if part.team_id is None:
                admins |= set(unpack(part.data))
                continue
            found, mine = places_in(part.data)
            self.places |= found
            admins |= set(mine)
        self._admins = sorted(admins)
        self._all = self._in_order()

    def _in_order(self) -> Ids:
        """As a platform admin's reach has them, so that what is equal is seen to be."""
        order = sorted(
            self.places, key=lambda key: (self.places[key].team, self.places[key].project)
        )
        return tuple(order)

    def people(self, after: int) -> Iterator[Holding]:
        return merge(self._strong(after), self._others(after), key=lambda holding: holding[0])

    def _strong(self, after: int) -> Iterator[Holding]:
        if self._all:
            yield from ((key, [Held(EVERYWHERE, self._all)]) for key in self._admins if key > after)

    def _others(self, after: int) -> Iterator[Holding]:
        rows = self._parts.filter(chunk__gt=0, last_user__gt=after).order_by()
        for number in sorted(set(rows.values_list("chunk", flat=True))):
            found: dict[int, list[Held]] = {}
            for data in (
                rows.filter(chunk=number).order_by("team_id").values_list("data", flat=True)
            ):
                for person, held in people_in(data):
                    found.setdefault(person, []).extend(held)
            yield from ((key, found[key]) for key in sorted(found) if key > after)
