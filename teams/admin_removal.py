"""Archiving and deleting teams in the console."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import cells, sensitive
from portal.console import ConsoleModelAdmin, ReadOnlyMixin
from portal.console_removal import Removal, RemovalMixin
from teams import removal_actions
from teams.models import Membership, Team, TeamArchive
from teams.removal import holdings


class ArchivedFilter(admin.SimpleListFilter):
    """Those that are archived, or those in use; `column` is where it is written, empty meaning in use."""

    title = _("archived")
    parameter_name = "archived"
    column = "archive"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("in use")), ("yes", _("archived"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "no"})


def with_archive(teams: QuerySet) -> QuerySet:
    """Each with `is_archived`."""
    return teams.annotate(is_archived=Exists(TeamArchive.objects.filter(team=OuterRef("pk"))))


class TeamRemovalMixin(RemovalMixin):
    """Owners archive and delete their team; platform admins also bring one back."""

    def may_remove(self, request: HttpRequest, verb: str, obj: Team) -> bool:
        name = "delete_team" if verb == "delete" else "archive_team"
        return request.user.has_perm(f"teams.{name}", obj)

    def before_removal(self, request: HttpRequest, verb: str, obj: Team) -> None:
        if verb == "delete":
            sensitive.require_removal(request, [obj])

    def removals(self, obj: Team) -> dict[str, Removal]:
        archived = TeamArchive.objects.filter(team=obj).exists()
        back = {"unarchive": _bringing_back(obj)} if archived else {"archive": _archiving(obj)}
        return {**back, "delete": _deleting(obj)}


def _archiving(team: Team) -> Removal:
    return Removal(
        title=_("Archive %(name)s?") % {"name": team.name},
        intro=_(
            "Nobody works in the team or through it until a platform admin brings it back. "
            "Its people no longer see it, and you do not either unless you are a platform admin or auditor."
        ),
        button=_("Archive team"),
        done=_("The team is archived."),
        do=lambda by, row: removal_actions.archive_team(by=by, team=row),
        goes=lambda: [
            str(_("At once, for all: its projects, keys and widgets answer no more.")),
            str(_("All of its people are signed out, you too if you are one of them.")),
        ],
        stays=lambda: [str(_("Everything that it has, as it is, to come back with it."))],
    )


def _bringing_back(team: Team) -> Removal:
    return Removal(
        title=_("Bring %(name)s back?") % {"name": team.name},
        intro=_("Its people are in it again as what they were, and its projects answer again."),
        button=_("Bring team back"),
        done=_("The team is in use again."),
        do=lambda by, row: removal_actions.unarchive_team(by=by, team=row),
    )


def _going(team: Team) -> list[str]:
    goes = [line for holding in holdings() for line in holding.goes(team)]
    people = Membership.objects.filter(team=team).count()
    words = ngettext(
        "%(count)s membership: this person is signed out, and stays in the portal.",
        "%(count)s memberships: these people are signed out, and stay in the portal.",
        people,
    )
    if people:
        goes.append(words % {"count": f"{people:,}"})
    return [*goes, str(_("Its roles, grants, branding and settings."))]


def _staying(team: Team) -> list[str]:
    stays = [line for holding in holdings() for line in holding.stays(team)]
    return [*stays, str(_("The audit trail, and what its people's keys have spent."))]


def _deleting(team: Team) -> Removal:
    return Removal(
        title=_("Delete %(name)s?") % {"name": team.name},
        intro=_("There is no way back. Archive the team if it may be needed again."),
        button=_("Delete team"),
        done=_("The team is deleted."),
        do=lambda by, row: removal_actions.delete_team(by=by, team=row),
        goes=lambda: _going(team),
        stays=lambda: _staying(team),
        typed=team.name,
        is_danger=True,
    )


@admin.register(TeamArchive)
class TeamArchiveAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """Reached by link: the list of teams has the same by its filter."""

    list_name = _("Archived teams")  # type: ignore[assignment]
    intro = _("Teams that nobody works in until a platform admin brings them back.")
    next_step = _("No team is archived.")
    list_display = ("team", "since")
    list_select_related = ("team",)
    fields = ("team", "since")
    readonly_fields = ("since",)
    ordering = ("-archived_at",)

    @admin.display(description=_("archived"), ordering="archived_at")
    def since(self, archive: TeamArchive) -> SafeString:
        return cells.when(archive.archived_at)
