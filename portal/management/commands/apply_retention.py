from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import retention
from portal.models import RetentionRun


class Command(BaseCommand):
    help = (
        "Removes what was kept long enough: logged content, conversations, usage details, guard events and the audit "
        "trail; what the hourly task does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="only count, by kind and by team's id"
        )
        parser.add_argument(
            "--seconds",
            type=float,
            default=retention.SECONDS,
            help="for each kind; the next run goes on where this one ended",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._count()
            return
        stopped = []
        titles = {kind.name: kind.title for kind in retention.kinds()}
        for name, run in retention.apply(seconds=options["seconds"]).items():
            self.stdout.write(f"{titles[name]}: {run.removed:,} removed")
            if run.state == RetentionRun.State.STOPPED:
                stopped.append(f"{name}: {run.note}")
        if stopped:
            raise CommandError("\n".join(stopped))

    def _count(self) -> None:
        titles = {kind.name: kind.title for kind in retention.kinds()}
        for name, found in retention.due().items():
            held = f" ({found.held_total:,} more are held)" if found.held_total else ""
            self.stdout.write(f"{titles[name]}: {found.total:,} would be removed{held}")
            for team, count in sorted(found.by_team.items(), key=lambda pair: pair[0] or 0):
                self.stdout.write(f"    {count:,} of {f'team {team}' if team else 'no team'}")
