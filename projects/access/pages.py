"""The matrix as JSON, page by page: people by id, so that a page stays what it was while others are added."""

import base64
import binascii
from typing import Any

from django.utils.translation import gettext as _

from portal.errors import Refusal
from projects.access.facts import Person, Places, ProjectFact
from projects.access.loading import Selection, people, places
from projects.access.reaches import Row, rows

PAGE, LARGEST_PAGE = 200, 500  # people
ROWS = 20_000  # a page ends with the person who brings more than these
Json = dict[str, Any]


def page(selection: Selection, *, cursor: str = "", limit: int = PAGE) -> Json:
    """`users`, `projects`, `assignments`, and `next`: the cursor of the page after this one, None on the last.

    All projects of the part stand on each page. Of a single project, only the people who reach it.
    """
    here = places(selection)
    found = people(selection, after=place_of(cursor), limit=limit + 1)
    shown: list[Json] = []
    assignments: list[Json] = []
    last = 0
    for person in found[:limit]:
        if len(assignments) > ROWS:
            break
        last = person.id
        mine = [assignment(row) for row in rows(person, here)]
        if mine or selection.project is None:
            shown.append(user(person, here))
        assignments += mine
    has_more = bool(found) and found[-1].id != last
    return {
        "users": shown,
        "projects": [project(one) for one in here.live],
        "assignments": assignments,
        "next": cursor_at(last) if has_more else None,
    }


def user(person: Person, here: Places) -> Json:
    return {
        "id": person.id,
        "email": person.email,
        "is_admin": person.is_superuser,
        "is_auditor": person.is_auditor,
        "is_restricted": person.is_restricted,
        "is_active": person.is_active,
        "teams": [
            {
                "slug": here.teams[standing.team].slug,
                "role": standing.role,
                "custom_role": standing.custom_role or None,
            }
            for standing in person.standings
            if standing.team in here.teams and not here.teams[standing.team].is_archived
        ],
    }


def project(one: ProjectFact) -> Json:
    return {
        "slug": one.slug,
        "name": one.name,
        "team": one.team_slug,
        "visibility": one.visibility,
        "is_open": one.is_open,
    }


def assignment(row: Row) -> Json:
    """A row as the contract has it, and whether one may chat there."""
    return {
        "user": row.user,
        "project": row.project,
        "role": row.role,
        "custom_role": row.custom_role or None,
        "via": row.via,
        "chats": row.chats,
    }


def cursor_at(user_id: int) -> str:
    """Opaque: what begins after this person."""
    return base64.urlsafe_b64encode(f"u{user_id}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> int:
    """The id that the cursor stands for, 0 for none; `validation_failed` for what is none of ours."""
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        if text[:1] == "u" and text[1:].isdecimal() and cursor_at(int(text[1:])) == cursor:
            return min(int(text[1:]), 2**62)
    except (binascii.Error, ValueError):
        pass
    raise Refusal("validation_failed", fields={"cursor": [_("This is no cursor of this list.")]})
