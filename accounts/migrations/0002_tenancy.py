"""People read their own notices; whoever acts may leave one for somebody else. A pending change is its team's, and
that of whoever proposed it."""

from django.db import migrations

from portal.row_security import ME, OF_ME, OF_TEAM, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        TenantPolicy("accounts_notice", OF_ME, "TRUE"),
        TenantPolicy("accounts_pendingchange", f"({OF_TEAM} OR proposed_by_id = {ME})"),
    ]
