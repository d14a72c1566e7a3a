"""Teams are the tenants: groups of users with roles, and the models they are granted."""

from teams.models.branding import Branding
from teams.models.groups import Group, GroupMapping, GroupMember
from teams.models.holds import LegalHold
from teams.models.memberships import CustomRole, Membership, rights_as, rights_of, role_name
from teams.models.teams import Grant, Team, TeamArchive

__all__ = [
    "Branding",
    "CustomRole",
    "Grant",
    "Group",
    "GroupMapping",
    "GroupMember",
    "LegalHold",
    "Membership",
    "Team",
    "TeamArchive",
    "rights_as",
    "rights_of",
    "role_name",
]
