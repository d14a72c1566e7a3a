"""Deeds on projects: keyword-only, atomic, in the trail."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import trail
from portal.errors import Refusal
from projects import holds
from projects.models import Conversation, Project, ProjectMember
from teams.models import Membership


@transaction.atomic
def assign_member(*, by: Any, project: Project, user: Any) -> ProjectMember:
    """Assigns a person of the project's team to the project; `conflict` for somebody outside the team."""
    if not Membership.objects.filter(team_id=project.team_id, user=user).exists():
        raise Refusal("conflict")
    member, _created = ProjectMember.objects.get_or_create(project=project, user=user)
    return member


@transaction.atomic
def unassign_member(*, by: Any, member: ProjectMember) -> None:
    """Takes an explicit assignment back; a private project is closed to the person at once."""
    if not by.has_perm("projects.delete_projectmember", member):
        raise Refusal("permission_denied")
    member.delete()


@transaction.atomic
def rename_conversation(*, by: Any, conversation: Conversation, title: str) -> None:
    conversation.title = title
    conversation.save(update_fields=["title"])


@transaction.atomic
def delete_conversation(*, by: Any, conversation: Conversation) -> None:
    """Deletes a person's own conversation with all its messages; the usage rows stay, their content goes with it.

    Under a legal hold it is gone for its owner all the same, who is not told, and all of it stays stored.
    """
    if holds.is_held(conversation):
        Conversation.objects.filter(pk=conversation.pk).update(hidden_at=timezone.now())
        trail.record(action="conversation_hidden", target=conversation, reason="legal hold")
        return
    conversation.exchange_set.update(question=None, answer=None)
    trail.record(action="conversation_deleted", target=conversation)
    conversation.delete()
