"""Projects, who and what belongs to them, conversations, and the usage log."""

from projects.models.conversations import Conversation, Message
from projects.models.projects import KeyProject, Project, ProjectGuard, ProjectMember, Visibility
from projects.models.usage import Exchange, KeySpend, Spend, TeamSpend

__all__ = [
    "Conversation",
    "Exchange",
    "KeyProject",
    "KeySpend",
    "Message",
    "Project",
    "ProjectGuard",
    "ProjectMember",
    "Spend",
    "TeamSpend",
    "Visibility",
]
