"""Whose guards and events are seen. The platform's own guards are everybody's to read, and nobody's to write."""

from django.db import migrations

from portal.row_security import OF_ME, OF_PLATFORM, OF_TEAM, Looker, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("guards", "0001_initial")]
    operations = [
        TenantPolicy("guards_guard", f"{OF_TEAM} OR {OF_PLATFORM}", OF_TEAM),
        TenantPolicy("guards_guardattachment", f"{OF_TEAM} OR {OF_PLATFORM}", OF_TEAM),
        TenantPolicy("guards_guardevent", f"{OF_TEAM} OR {OF_ME}"),
        Looker(
            "portal_guard_slug_is_taken(text)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM guards_guard WHERE slug = $1)",
        ),
    ]
