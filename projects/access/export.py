"""The whole matrix as CSV, while it is being read: in memory are the projects, and the facts of one chunk of people."""

from collections.abc import Iterator

from portal.spreadsheets import cell, line
from projects.access.body import Within
from projects.access.facts import Person, Places, ProjectFact
from projects.access.loading import Selection, people
from projects.access.reaches import Path, Reach, reaches

HEADER = (
    *("user", "email", "project", "team", "visibility"),
    *("role", "custom_role", "via", "chats"),
)
CHUNK = 250  # people in one short transaction
PIECE = 64 * 1024  # characters handed to the server at a time, at least


def lines(
    selection: Selection,
    here: Places,
    *,
    within: Within,
) -> Iterator[str]:
    """The file in pieces: a header, then a line for each person and project. `within()` is each chunk's transaction."""
    writer = _Writer(here)
    piece = line(HEADER)
    last, more = 0, True
    while more:
        with within():
            found = people(selection, after=last, limit=CHUNK)
        for person in found:
            piece += writer.of(person)
            if len(piece) >= PIECE:
                yield piece
                piece = ""
        more = len(found) == CHUNK
        last = found[-1].id if found else last
    if piece:
        yield piece


class _Writer:
    """What follows a person in a line depends on the project and the path alone, so it is written once for all."""

    def __init__(self, here: Places) -> None:
        self._here = here
        self._ends: dict[tuple[Path, int], str] = {}
        self._shared: dict[tuple[Path, int], list[str]] = {}

    def of(self, person: Person) -> str:
        begin = f"{person.id},{cell(person.email)},"
        return "".join(
            begin + begin.join(self._ends_of(reach)) for reach in reaches(person, self._here)
        )

    def _ends_of(self, reach: Reach) -> list[str]:
        """Of projects that many reach as one tuple, which lives as long as its places, also the list is kept."""
        if not reach.is_shared:
            return [self._end(project, reach.path) for project in reach]
        key = (reach.path, id(reach.projects))
        if key not in self._shared:
            self._shared[key] = [self._end(project, reach.path) for project in reach]
        return self._shared[key]

    def _end(self, project: ProjectFact, path: Path) -> str:
        key = (path, project.id)
        if key not in self._ends:
            about = (project.slug, project.team_slug, project.visibility)
            chats = "yes" if path.chats else "no"
            words = (*about, path.role, path.custom_role, path.via, chats)
            self._ends[key] = line(words)
        return self._ends[key]
