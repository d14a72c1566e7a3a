"""What the list of people is narrowed to: said in the address, checked, and said back in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from projects.access import reaches
from projects.access.console.frame import query
from projects.access.console.words import VIAS
from projects.access.loading import Selection
from projects.access.reaches import Path
from projects.models import ProjectMember
from teams.models import Membership
from teams.roles import ROLES_THAT_ADMINISTER, ROLES_THAT_CHAT, Role

LONGEST = 320


@dataclass(frozen=True, slots=True)
class Filters:
    """As the address has them; `team` and `project` are slugs, `after` is the e-mail that the page begins behind."""

    q: str = ""
    team: str = ""
    project: str = ""
    role: str = ""
    via: str = ""
    after: str = ""

    @classmethod
    def read(cls, request: HttpRequest) -> Self:
        """What is none of the choices narrows nothing."""

        def word(name: str) -> str:
            return request.GET.get(name, "").replace("\0", "").strip()[:LONGEST]

        return cls(
            q=word("q"),
            team=word("team"),
            project=word("project"),
            role=word("role") if word("role") in Role.values else "",
            via=word("via") if word("via") in VIAS else "",
            after=word("after"),
        )

    def address(self, **changed: str) -> str:
        kept = replace(self, **{"after": "", **changed})
        return query(**{name: getattr(kept, name) for name in self.__slots__}) or "?"

    def chosen(self) -> Iterator[tuple[str, str]]:
        """What narrows the list in words, and the address without it."""
        words: dict[str, Any] = {
            "q": f"“{self.q}”",
            "team": _("team: %(name)s") % {"name": self.team},
            "project": _("project: %(name)s") % {"name": self.project},
            "role": _("role: %(name)s") % {"name": Role(self.role).label if self.role else ""},
            "via": _("path: %(name)s") % {"name": VIAS.get(self.via, "")},
        }
        for name, text in words.items():
            if getattr(self, name):
                yield text, self.address(**{name: ""})

    def passes(self, path: Path) -> bool:
        """Whether a reach is shown."""
        return (not self.role or path.role == self.role) and (not self.via or path.via == self.via)

    def narrow(self, accounts: QuerySet, selection: Selection) -> QuerySet:
        """The people who can pass, before their facts are read; `passes` has the last word."""
        if self.q:
            accounts = accounts.filter(Q(email__icontains=self.q) | Q(name__icontains=self.q))
        if self.role:
            accounts = accounts.filter(pk__in=_holders(selection, role=self.role))
        if self.via:
            accounts = accounts.filter(_of_via(self.via, selection))
        return accounts


def _holders(selection: Selection, **which: Any) -> QuerySet:
    teams = selection.team_rows().order_by().values("pk")
    return Membership.objects.order_by().filter(team__in=teams, **which).values("user_id")


def _of_via(via: str, selection: Selection) -> Q:
    if via == reaches.PLATFORM_ADMIN:
        return Q(is_superuser=True)
    free = Q(is_superuser=False, is_restricted=False)
    if via == reaches.TEAM_ADMIN:
        return free & Q(pk__in=_holders(selection, role__in=ROLES_THAT_ADMINISTER))
    if via == reaches.TEAM_VIEWER:
        return free & Q(pk__in=_holders(selection, role="viewer"))
    if via == reaches.PUBLIC:
        return free & Q(pk__in=_holders(selection, role__in=["member", "viewer"]))
    projects = selection.project_rows().order_by().values("pk")
    assigned = ProjectMember.objects.filter(project__in=projects).values("user_id")
    chats = _holders(selection, role__in=ROLES_THAT_CHAT)
    return Q(is_superuser=False, pk__in=assigned) & Q(pk__in=chats)
