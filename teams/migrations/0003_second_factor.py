"""Teams may demand a second factor; whether one does is asked before any team is in sight."""

from django.db import migrations, models

from portal.row_security import Looker


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0002_tenancy"),
    ]

    operations = [
        migrations.AddField(
            model_name="team",
            name="second_factor_required",
            field=models.BooleanField(
                default=False,
                help_text="Its people sign in with a second factor; who has none is led through setting one up. Only owners and platform admins switch this off again.",
                verbose_name="second factor required",
            ),
        ),
        Looker(
            "portal_team_demands_second_factor(bigint)",
            "boolean",
            "SELECT EXISTS (SELECT 1 FROM teams_membership m JOIN teams_team t ON t.id = m.team_id "
            "WHERE m.user_id = $1 AND t.second_factor_required)",
        ),
    ]
