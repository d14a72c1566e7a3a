"""Whose guards and events are seen. The platform's own guards are everybody's to read, and nobody's to write."""

from django.db import migrations

from portal.row_security import OF_ME, OF_PLATFORM, OF_TEAM, Looker, TenantPolicy
from portal.staying_rows import LeftBehind, Stays


class Migration(migrations.Migration):
    dependencies = [("guards", "0001_initial")]
    operations = [
        TenantPolicy("guards_guard", f"{OF_TEAM} OR {OF_PLATFORM}", OF_TEAM),
        TenantPolicy("guards_guardattachment", f"{OF_TEAM} OR {OF_PLATFORM}", OF_TEAM),
        TenantPolicy(
            "guards_guardevent",
            f"{OF_TEAM} OR {OF_ME}",
            adds=f"{OF_TEAM} OR (team_id IS NULL AND {OF_ME})",
        ),
        Stays("guards_guardevent", "team_id"),
        LeftBehind("guards_guardevent", "team_id", "teams_team"),
        Looker(
            "portal_guard_slug_is_taken(text)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM guards_guard WHERE slug = $1)",
        ),
    ]
