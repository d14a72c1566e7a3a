"""Projects, who and what belongs to them, conversations, and the usage log."""

from projects.models.conversations import Conversation, Message
from projects.models.projects import KeyProject, Project, ProjectGuard, ProjectMember, Visibility
from projects.models.reviews import AccessReview, ReviewLine
from projects.models.rollups import UsageDay
from projects.models.snapshots import PermissionSnapshot, PermissionSnapshotPart
from projects.models.usage import Exchange, KeySpend, Spend, TeamSpend

__all__ = [
    "AccessReview",
    "Conversation",
    "Exchange",
    "KeyProject",
    "KeySpend",
    "Message",
    "PermissionSnapshot",
    "PermissionSnapshotPart",
    "Project",
    "ProjectGuard",
    "ProjectMember",
    "ReviewLine",
    "Spend",
    "TeamSpend",
    "UsageDay",
    "Visibility",
]
