"""Deeds on projects: keyword-only, atomic, in the trail."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actions import create_key
from accounts.models import Key
from audit import trail
from portal.errors import Refusal
from projects.models import Conversation, KeyProject, Project, ProjectMember
from teams.models import Membership


@transaction.atomic
def create_project_key(
    *,
    by: Any,
    user: Any,
    name: str,
    scopes: Iterable[str] = (),
    projects: Iterable[Project] = (),
    expires_at: datetime | None = None,
    requests_per_second: int | None = None,
) -> tuple[Key, str]:
    """A key of `user`, confined to `projects` if any; the plaintext is returned this once and stored nowhere."""
    key, plaintext = create_key(
        by=by,
        user=user,
        name=name,
        scopes=tuple(scopes),
        expires_at=expires_at,
        requests_per_second=requests_per_second,
    )
    KeyProject.objects.bulk_create(KeyProject(key=key, project=project) for project in projects)
    return key, plaintext


@transaction.atomic
def assign_member(*, by: Any, project: Project, user: Any) -> ProjectMember:
    """Assigns a person of the project's team to the project; `conflict` for somebody outside the team."""
    if not Membership.objects.filter(team_id=project.team_id, user=user).exists():
        raise Refusal("conflict")
    member, _created = ProjectMember.objects.get_or_create(project=project, user=user)
    return member


@transaction.atomic
def rename_conversation(*, by: Any, conversation: Conversation, title: str) -> None:
    conversation.title = title
    conversation.save(update_fields=["title"])


@transaction.atomic
def delete_conversation(*, by: Any, conversation: Conversation) -> None:
    """Deletes a person's own conversation with all its messages; the usage rows stay, their content goes with it."""
    conversation.exchange_set.update(question=None, answer=None)
    trail.record(action="conversation_deleted", target=conversation)
    conversation.delete()
