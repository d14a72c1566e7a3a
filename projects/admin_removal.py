"""Archiving and deleting projects in the console."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.console_removal import Removal, RemovalMixin
from projects import removal, removal_actions
from projects.models import Project
from teams.admin_removal import ArchivedFilter


class ArchivedProjectFilter(ArchivedFilter):
    column = "archived_at"


class ProjectRemovalMixin(RemovalMixin):
    """Who may change a project archives it and brings it back; who may delete it deletes it."""

    def may_remove(self, request: HttpRequest, verb: str, obj: Project) -> bool:
        name = "delete" if verb == "delete" else "change"
        return request.user.has_perm(f"projects.{name}_project", obj)

    def removals(self, obj: Project) -> dict[str, Removal]:
        if obj.archived_at is None:
            return {"archive": _archiving(obj), "delete": _deleting(obj)}
        return {"unarchive": _bringing_back(obj), "delete": _deleting(obj)}


def _archiving(project: Project) -> Removal:
    return Removal(
        title=_("Archive %(name)s?") % {"name": project.name},
        intro=_(
            "Nobody asks it until it is brought back. Only those who administer its team still see it, here."
        ),
        button=_("Archive project"),
        done=_("The project is archived."),
        do=lambda by, row: removal_actions.archive_project(by=by, project=row),
        goes=lambda: [
            str(_("At once: it answers nobody, and its widgets close.")),
            str(_("People's conversations in it are closed to them, until it comes back.")),
        ],
        stays=lambda: [str(_("Everything that it has, as it is, to come back with it."))],
    )


def _bringing_back(project: Project) -> Removal:
    return Removal(
        title=_("Bring %(name)s back?") % {"name": project.name},
        intro=_("It is as it was: its people see it and their conversations, its widgets open."),
        button=_("Bring project back"),
        done=_("The project is in use again."),
        do=lambda by, row: removal_actions.unarchive_project(by=by, project=row),
    )


def _deleting(project: Project) -> Removal:
    return Removal(
        title=_("Delete %(name)s?") % {"name": project.name},
        intro=_("There is no way back. Archive the project if it may be needed again."),
        button=_("Delete project"),
        done=_("The project is deleted."),
        do=lambda by, row: removal_actions.delete_project(by=by, project=row),
        goes=lambda: [
            *removal.goes_with_project(project),
            str(_("Its prompt, guards, widgets and settings.")),
        ],
        stays=lambda: [*removal.stays_after_project(project), str(_("The audit trail."))],
        is_danger=True,
    )
