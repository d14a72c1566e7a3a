"""Whose projects, conversations and usage are seen."""

from django.db import migrations

from portal.row_security import OF_ME, OF_TEAM, Looker, SameTeam, TenantPolicy, through
from portal.staying_rows import LeftBehind, Stays

OF_PROJECT = through("projects_project", "project_id")
OF_A_PROJECTS_CONVERSATION = (
    "EXISTS (SELECT 1 FROM projects_conversation AS talk "
    "JOIN projects_project AS owner ON owner.id = talk.project_id WHERE talk.id = conversation_id)"
)


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_initial"), ("teams", "0002_tenancy")]
    operations = [
        TenantPolicy("projects_project", OF_TEAM),
        TenantPolicy("projects_projectmember", OF_PROJECT),
        TenantPolicy("projects_projectguard", OF_PROJECT),
        TenantPolicy("projects_spend", OF_TEAM, is_small=True),
        TenantPolicy("projects_teamspend", OF_TEAM, is_small=True),
        TenantPolicy("projects_keyspend", OF_ME, is_small=True),
        TenantPolicy("projects_usageday", OF_TEAM),
        SameTeam("projects_spend", "projects_project", "project_id"),
        # What is one's own is seen and changed wherever it is; it begins in a team of one's own, and stays there.
        TenantPolicy("projects_conversation", f"{OF_ME} OR {OF_PROJECT}", adds=OF_PROJECT),
        Stays("projects_conversation", "project_id"),
        TenantPolicy(
            "projects_message",
            through("projects_conversation", "conversation_id"),
            adds=OF_A_PROJECTS_CONVERSATION,
        ),
        Stays("projects_message", "conversation_id"),
        TenantPolicy(
            "projects_exchange",
            f"{OF_TEAM} OR {OF_ME}",
            adds=f"{OF_TEAM} OR (team_id IS NULL AND {OF_ME})",
        ),
        Stays("projects_exchange", "team_id"),
        LeftBehind("projects_exchange", "team_id", "teams_team"),
        # A review and its lines are their team's; those of no team are the platform's alone.
        TenantPolicy("projects_accessreview", OF_TEAM),
        TenantPolicy("projects_reviewline", OF_TEAM),
        TenantPolicy("projects_permissionsnapshotpart", OF_TEAM),
        SameTeam("projects_reviewline", "projects_accessreview", "review_id"),
        Looker(
            "portal_project_slug_is_taken(text)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM projects_project WHERE slug = $1)",
        ),
    ]
