"""How somebody reaches projects, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from projects.access import reaches
from projects.access.facts import Person, Places, ProjectFact
from projects.access.reaches import Path, Reach
from teams.roles import Role

LISTED = 20  # projects below a person in the list; the person's own page has all

VIAS: dict[str, Any] = {
    reaches.PLATFORM_ADMIN: gettext_lazy("as platform admin"),
    reaches.TEAM_ADMIN: gettext_lazy("as owner or admin of the team"),
    reaches.MEMBER: gettext_lazy("by assignment"),
    reaches.PUBLIC: gettext_lazy("public in the team"),
    reaches.TEAM_VIEWER: gettext_lazy("as viewer of the team"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Projects that somebody reaches on one path, as the list shows them."""

    title: str
    detail: str
    projects: tuple[ProjectFact, ...]
    count: int
    chats: bool

    @property
    def left_out(self) -> int:
        return self.count - len(self.projects)


def role_of(path: Path) -> str:
    """ "admin", or the team's own role with its base."""
    if path.role == reaches.PLATFORM_ADMIN:
        return _("platform admin")
    label = str(Role(path.role).label)
    return f"{path.custom_role} ({label})" if path.custom_role else label


def said(path: Path, *, is_open: bool = True) -> str:
    """As what and on which way, and what it does not give: "viewer, public in the team (sees only)"."""
    found = role_of(path)
    if path.via != reaches.PLATFORM_ADMIN:
        found = f"{found}, {VIAS[path.via]}"
    if not path.chats:
        found = f"{found} ({_('sees only')})"
    return found if is_open else f"{found} ({_('does not answer')})"


def groups(person: Person, here: Places, found: Iterable[Reach]) -> Iterator[Group]:
    """One for each path of `found`, which are this person's; the first projects of each by name."""
    for reach in found:
        projects = tuple(one for one, _slot in zip(reach, range(LISTED), strict=False))
        yield Group(
            title=_title(reach.path, projects[0]),
            detail=_detail(reach, projects, here),
            projects=projects,
            count=len(reach),
            chats=reach.path.chats,
        )


def _title(path: Path, one: ProjectFact) -> str:
    if path.via == reaches.PLATFORM_ADMIN:
        return _("platform admin")
    return _("%(role)s of %(team)s") % {"role": role_of(path), "team": one.team_slug}


def _detail(reach: Reach, projects: tuple[ProjectFact, ...], here: Places) -> str:
    count = len(reach)
    number = {"count": count}
    if reach.path.via == reaches.PLATFORM_ADMIN:
        return ngettext("%(count)d project", "all %(count)d projects", count) % number
    if reach.path.via == reaches.TEAM_ADMIN:
        return ngettext("its %(count)d project", "all its %(count)d projects", count) % number
    names = ", ".join(one.slug for one in projects[:3])
    if count > 3:
        names = _("%(names)s and %(more)d more") % {"names": names, "more": count - 3}
    start = {
        reaches.MEMBER: _("assigned: %(names)s"),
        reaches.PUBLIC: _("public: %(names)s"),
        reaches.TEAM_VIEWER: _("private: %(names)s"),
    }
    return start[reach.path.via] % {"names": names}
