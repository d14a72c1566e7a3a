from typing import Any

from django.core.management.base import BaseCommand

from projects.access.snapshots import take_snapshot


class Command(BaseCommand):
    help = "Stores today's matrix of who reaches what; a second one of the day takes the place of the first."

    def handle(self, *args: Any, **options: Any) -> None:
        made = take_snapshot()
        self.stdout.write(f"{made}: {made.people} people, {made.rows} rows, {made.size} bytes")
