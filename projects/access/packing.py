"""How a snapshot keeps the matrix: reaches in groups, with lists of projects that are written once for all who share them."""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from projects.access.facts import ProjectFact
from projects.access.reaches import PLATFORM_ADMIN, Path, Reach

RULES = 1  # the version of `reaches` that what is stored was made by
EVERYWHERE = Path(PLATFORM_ADMIN, PLATFORM_ADMIN, True)
Ids = tuple[int, ...]
_NOBODY = -1


class Place(NamedTuple):
    """A project as it was: what a row of the matrix says of it."""

    project: str
    team: str
    open: bool


class Held(NamedTuple):
    """Projects by id that somebody reaches on one path, without those they reach on a stronger one."""

    path: Path
    projects: Ids
    without: Ids = ()


def pack(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpack(data: Any) -> Any:
    return json.loads(zlib.decompress(bytes(data)))


@dataclass(slots=True)
class TeamPart:
    """What a chunk of people reach in one team, being collected. People come in ascending order."""

    _paths: dict[Path, int] = field(default_factory=dict)
    _lists: dict[Ids, int] = field(default_factory=dict)
    _people: list[list[int]] = field(default_factory=list)

    def add(self, person: int, held: Held) -> None:
        if not self._people or self._people[-1][0] != person:
            self._people.append([person])
        path = self._paths.setdefault(held.path, len(self._paths))
        self._people[-1] += [path, self._list(held.projects), self._list(held.without)]

    def _list(self, ids: Ids) -> int:
        return self._lists.setdefault(ids, len(self._lists)) if ids else _NOBODY

    def packed(self) -> bytes:
        return pack(
            {
                "paths": [list(path) for path in self._paths],
                "lists": [list(ids) for ids in self._lists],
                "people": self._people,
            }
        )


def people_in(data: Any) -> Iterator[tuple[int, list[Held]]]:
    """What a part holds, person by person; lists stay shared."""
    value = unpack(data)
    paths = [Path(*path) for path in value["paths"]]
    lists = [tuple(ids) for ids in value["lists"]] + [()]  # the last answers _NOBODY
    for person, *rest in value["people"]:
        yield (
            person,
            [
                Held(paths[rest[at]], lists[rest[at + 1]], lists[rest[at + 2]])
                for at in range(0, len(rest), 3)
            ],
        )


def packed_places(projects: Iterable[ProjectFact], admins: Iterable[int] = ()) -> bytes:
    """The projects of a team, and which platform admins are in it."""
    rows = [[one.id, one.slug, one.team_slug, one.is_open] for one in projects]
    return pack({"projects": rows, "admins": sorted(admins)})


def places_in(data: Any) -> tuple[dict[int, Place], list[int]]:
    value = unpack(data)
    return {key: Place(*rest) for key, *rest in value["projects"]}, value["admins"]


class Holder:
    """Reaches as they are kept. What many share is turned into ids once."""

    def __init__(self) -> None:
        self._shared: dict[int, tuple[Any, Ids]] = {}

    def held(self, reach: Reach) -> Held:
        """`without` in the order of the projects; of most reaches it is empty, and their projects are not walked."""
        without = reach.without and tuple(
            one.id for one in reach.projects if one.id in reach.without
        )
        return Held(reach.path, self._ids(reach), without or ())

    def _ids(self, reach: Reach) -> Ids:
        if not reach.is_shared:
            return tuple(one.id for one in reach.projects)
        key = id(reach.projects)
        if key not in self._shared:  # the tuple is kept with them, so that no other gets its id
            self._shared[key] = (reach.projects, tuple(one.id for one in reach.projects))
        return self._shared[key][1]
