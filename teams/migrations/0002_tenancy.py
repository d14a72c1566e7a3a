"""Whose teams, grants and branding are seen. Memberships say whose teams are whose: all are read, a team's own written.

The same holds for custom roles, which say what a membership may.
"""

from django.db import migrations

from portal.row_security import OF_TEAM, TEAMS, Looker, TenantPolicy


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial")]
    operations = [
        TenantPolicy("teams_team", f"id = ANY ({TEAMS})"),
        TenantPolicy("teams_grant", OF_TEAM),
        TenantPolicy("teams_branding", OF_TEAM),
        TenantPolicy("teams_membership", OF_TEAM, reads="true"),
        TenantPolicy("teams_teamarchive", OF_TEAM, reads="true"),
        TenantPolicy("teams_customrole", OF_TEAM, reads="true"),
        # Groups reach across teams: of those that are mapped into a team its people may read the name.
        TenantPolicy(
            "teams_group",
            "EXISTS (SELECT 1 FROM teams_groupmapping AS m WHERE m.group_id = teams_group.id)",
            "false",
        ),
        TenantPolicy("teams_groupmember", "false"),
        TenantPolicy("teams_groupmapping", OF_TEAM),
        # Whom a hold is about need not learn of it; that something is held everybody's deletions ask.
        TenantPolicy("teams_legalhold", "false"),
        Looker(
            "portal_legal_holds()",
            "text",
            "SELECT concat(string_agg(held_team_id::text, ','), '|', string_agg(held_person_id::text, ',')) "
            "FROM teams_legalhold",
        ),
        Looker(
            "portal_team_demands_second_factor(bigint)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM teams_membership m JOIN teams_team t ON t.id = m.team_id "
            "WHERE m.user_id = $1 AND t.second_factor_required "
            "AND NOT EXISTS (SELECT 1 FROM teams_teamarchive a WHERE a.team_id = t.id))",
        ),
    ]
