"""Deeds that end a project, for a while or for good. What was spent stays spent."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import trail
from portal.legal_holds import cleared
from portal.recording import Change
from portal.staying_rows import lock, nothing_came_meanwhile
from projects import holds
from projects.models import Conversation, Exchange, Project, ProjectGuard, ProjectMember
from teams.models import Membership, Team

BATCH = 500  # conversations that are in memory at once


@transaction.atomic
def archive_project(*, by: Any, project: Project) -> None:
    """Nobody asks it or reads its conversations any more, everything of it stays; twice changes nothing."""
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now())


@transaction.atomic
def unarchive_project(*, by: Any, project: Project) -> None:
    """It is as it was, its conversations with it; doing it twice changes nothing."""
    Project.objects.filter(pk=project.pk, archived_at__isnull=False).update(archived_at=None)


@transaction.atomic
def delete_project(*, by: Any, project: Project) -> None:
    """Deletes a project with what was said in it, its members, guards, widgets and month's figures.

    Usage rows stay with what they cost, without question and answer; what is under a legal hold is not deleted. A key that is confined to it reaches nothing there,
    and not more than before.
    """
    lock(project)
    holds.refuse_deletion(project)
    project.exchange_set.filter(question__isnull=False).update(question=None, answer=None)
    if said := remove_conversations(Conversation.with_hidden.filter(project=project)):
        changes = {"conversations": [said, 0]}
        trail.record(action="conversations_deleted", target=project, changes=changes)
    project.delete()
    nothing_came_meanwhile()


def remove_conversations(rows: QuerySet) -> int:
    """In batches, so that memory does not grow with them; returns how many there were. Holds were asked about before."""
    total = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with cleared():
            Conversation.with_hidden.filter(pk__in=ids).delete()
        total += len(ids)
    return total


def remove_projects_of(by: Any, team: Team) -> None:
    """All of a team that is being deleted, and the content of what was asked in it, wherever that was."""
    for project in Project.objects.filter(team=team).defer("system_prompt").order_by("pk"):
        delete_project(by=by, project=project)
    ProjectGuard.objects.filter(guard__team=team).delete()
    Exchange.objects.filter(team=team, question__isnull=False).update(question=None, answer=None)


def forget_assignments(change: Change) -> None:
    """Before a membership goes, at whatever door: its assignments go with it, and do not come back with the person.

    With a team its projects are gone already, with a person all that is theirs goes.
    """
    if change.model is Membership and change.before and not (change.after or change.goes_along):
        rows = ProjectMember.objects.filter(user_id=change.before["user"])
        rows.filter(project__team_id=change.before["team"]).delete()
