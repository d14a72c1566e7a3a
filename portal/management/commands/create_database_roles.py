"""`manage.py create_database_roles`: the PostgreSQL roles for migrations, the application, and system tasks."""

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import environment as env
from portal.roles import create_roles


class Command(BaseCommand):
    help = (
        "Creates the roles and the database that DATABASE_OWNER_URL, DATABASE_URL and DATABASE_SYSTEM_URL name, with "
        "the rights they need and none that get past row-level security. Run it before the first migrate."
    )
    requires_system_checks: list[str] = []  # the database may not be there yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin-url",
            default=env.text("DATABASE_ADMIN_URL"),
            help="of a role that may create roles and databases (default: DATABASE_ADMIN_URL)",
        )

    def handle(self, *args: Any, admin_url: str, **options: Any) -> None:
        urls = {
            "admin_url": admin_url,
            "owner_url": env.text("DATABASE_OWNER_URL"),
            "application_url": env.text("DATABASE_URL"),
            "system_url": env.text("DATABASE_SYSTEM_URL"),
        }
        if missing := [name.removesuffix("_url") for name, url in urls.items() if not url]:
            raise CommandError(f"These URLs are missing: {', '.join(missing)}.")
        try:
            done = create_roles(**urls)
        except (ValueError, psycopg.Error) as error:
            raise CommandError(str(error).strip()) from None
        for line in done:
            self.stdout.write(line)
