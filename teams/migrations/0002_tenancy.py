"""Whose teams, grants and branding are seen. Memberships say whose teams are whose: all are read, a team's own written."""

from django.db import migrations

from portal.row_security import OF_TEAM, TEAMS, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial")]
    operations = [
        TenantPolicy("teams_team", f"id = ANY ({TEAMS})"),
        TenantPolicy("teams_grant", OF_TEAM),
        TenantPolicy("teams_branding", OF_TEAM),
        TenantPolicy("teams_membership", OF_TEAM, reads="true"),
    ]
