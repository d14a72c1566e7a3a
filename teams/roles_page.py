"""The console's page of all roles: the table of `teams/roles.py` in words, for whoever may use the console."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from portal.console_navigation import Page
from teams.models import CustomRole
from teams.role_words import described
from teams.roles import PERMISSIONS, RANKS, Rights, Role

MOST_CUSTOM = 12  # columns beside the built-in ones

SENTENCES: tuple[tuple[Any, Any], ...] = (
    (
        _("Restricted people"),
        _(
            "Chat in the projects that they are assigned to, as long as they are in the team, and nothing more: "
            "no console, no keys, no lists. This overrides every role."
        ),
    ),
    (
        _("Auditors"),
        _(
            "See everything that anybody sees here but secrets and people's conversations, and change nothing. "
            "They do not chat, unless a team gives them a role that does."
        ),
    ),
    (
        _("Platform admins"),
        _(
            "May everything in every team, and alone what limits teams: grants, budgets, rates, regions, "
            "retention, platform guards, groups, providers and who is a platform admin."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A role: its name, and under it what it stands on, for a custom one."""

    name: Any
    about: Any
    rights: Rights


def columns_for(user: Any) -> list[Column]:
    """The built-in roles, then the custom ones that this person sees."""
    rows = CustomRole.objects.visible_to(user).select_related("team")[:MOST_CUSTOM]
    words = _("of %(team)s, on %(base)s")
    return [
        *(Column(Role(name).label, "", Rights.of(name)) for name in reversed(RANKS)),
        *(
            Column(
                row.name,
                words % {"team": row.team, "base": row.get_base_display()},
                Rights.of(row.base, row.permissions),
            )
            for row in rows
        ),
    ]


def table(columns: Sequence[Column]) -> list[tuple[Any, list[tuple[Any, list[bool]]]]]:
    """By area its rows: the words of a permission, and for each column whether the role has it."""
    return [
        (
            title,
            [(words, [name in one.rights.permissions for one in columns]) for name, words in rows],
        )
        for title, rows in described(PERMISSIONS["owner"])
    ]


def view(request: HttpRequest) -> HttpResponse:
    columns = columns_for(request.user)
    shown = CustomRole.objects.visible_to(request.user).count()
    context = {
        **admin.site.each_context(request),
        "title": _("Roles"),
        "crumb": _("Roles"),
        "columns": columns,
        "areas": table(columns),
        "sentences": SENTENCES,
        "left_out": max(0, shown - MOST_CUSTOM),
    }
    return TemplateResponse(request, "admin/teams/roles.html", context)


PAGE = Page(
    name="roles",
    path="roles/",
    label=_("Roles"),
    view=view,
    may=lambda request: request.user.has_perm("portal.use_console"),
    area="people",
    place=21,
)
