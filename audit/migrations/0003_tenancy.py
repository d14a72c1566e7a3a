"""Whose entries are seen. Everybody adds; who tries to change or delete what they see meets the trigger."""

from django.db import migrations

from portal.row_security import OF_TEAM, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        TenantPolicy("audit_entry", OF_TEAM, "true"),
        # The platform's alone: of no team, and of nobody who is in one.
        TenantPolicy("audit_destination", "false"),
        TenantPolicy("audit_forwarding", "false"),
    ]
