from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projects.tasks import apply_retention


class Command(BaseCommand):
    help = (
        "Removes logged content and conversations whose time is over; what the nightly task does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = apply_retention(dry_run=options["dry_run"])
        verb = "would be removed" if options["dry_run"] else "removed"
        for what, count in counts.items():
            self.stdout.write(f"{count} {what} {verb}")
