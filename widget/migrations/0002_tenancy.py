"""Whose widgets are seen. A stranger's widget key leads to its team, and to nothing else of the row."""

from django.db import migrations

from portal.row_security import Looker, TenantPolicy, through

OF_WIDGET = """
SELECT p.team_id FROM widget_widget w JOIN projects_project p ON p.id = w.project_id
 WHERE w.public_id = $1 AND w.is_active AND p.archived_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM teams_teamarchive a WHERE a.team_id = p.team_id)
"""
DOMAINS = """
SELECT DISTINCT w.allowed_domains FROM widget_widget w JOIN projects_project p ON p.id = w.project_id
 WHERE w.is_active AND p.archived_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM teams_teamarchive a WHERE a.team_id = p.team_id)
"""


class Migration(migrations.Migration):
    dependencies = [("widget", "0001_initial"), ("projects", "0002_tenancy")]
    operations = [
        TenantPolicy("widget_widget", through("projects_project", "project_id")),
        Looker("portal_team_of_widget(text)", "bigint", OF_WIDGET),
        # A preflight names no widget: which domains any of them allows.
        Looker("portal_domains_of_widgets()", "SETOF jsonb", DOMAINS),
    ]
