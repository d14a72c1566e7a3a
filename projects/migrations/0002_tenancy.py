"""Whose projects, conversations and usage are seen."""

from django.db import migrations

from portal.row_security import OF_ME, OF_TEAM, Looker, SameTeam, TenantPolicy, through

OF_PROJECT = through("projects_project", "project_id")


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_initial"), ("teams", "0002_tenancy")]
    operations = [
        TenantPolicy("projects_project", OF_TEAM),
        TenantPolicy("projects_projectmember", OF_PROJECT),
        TenantPolicy("projects_projectguard", OF_PROJECT),
        TenantPolicy("projects_spend", OF_TEAM, is_small=True),
        SameTeam("projects_spend", "projects_project", "project_id"),
        TenantPolicy("projects_conversation", f"{OF_ME} OR {OF_PROJECT}"),
        TenantPolicy("projects_message", through("projects_conversation", "conversation_id")),
        TenantPolicy("projects_exchange", f"{OF_TEAM} OR {OF_ME}"),
        Looker(
            "portal_project_slug_is_taken(text)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM projects_project WHERE slug = $1)",
        ),
    ]
