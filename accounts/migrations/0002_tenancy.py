"""People read their own notices; whoever acts may leave one for somebody else."""

from django.db import migrations

from portal.row_security import OF_ME, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [TenantPolicy("accounts_notice", OF_ME, "TRUE")]
