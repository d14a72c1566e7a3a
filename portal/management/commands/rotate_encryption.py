"""`manage.py rotate_encryption`: everything under the first key of the ring, online and resumable."""

import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import keys_in_use
from portal.recording import recorder
from portal.rotation import Progress, renew_data_keys, rotate_all


class Command(BaseCommand):
    help = (
        "Puts everything that is encrypted under the first key of PORTAL_FERNET_KEYS. Start it once every process "
        "knows the new list; once it is done the old key can go. It may be stopped and started again at any moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument(
            "--data-keys",
            action="store_true",
            help="make new data keys too, and re-encrypt all content with them",
        )

    def handle(self, *args: Any, dry_run: bool, data_keys: bool, **options: Any) -> None:
        if data_keys and not dry_run:
            renew_data_keys(self.stdout.write)
            time.sleep(keys_in_use.LIFETIME)  # until no process writes under the old ones any more
        progress = rotate_all(dry_run=dry_run, tell=self.stdout.write)
        verb = "would be renewed" if dry_run else "renewed"
        self.stdout.write(
            f"{progress.looked_at} rows: {progress.renewed} values {verb}, {progress.erased} erased, "
            f"{progress.elsewhere} of other rows, {progress.unreadable} unreadable."
        )
        if not dry_run:
            found = {"renewed": progress.renewed, "unreadable": progress.unreadable}
            recorder().event("encryption_rotated", found | {"elsewhere": progress.elsewhere})
        if problems := list(_problems(progress)):
            raise CommandError(" ".join(problems))


def _problems(progress: Progress) -> Iterator[str]:
    if progress.unreadable:
        yield (
            f"{progress.unreadable} values open with no key of PORTAL_FERNET_KEYS. Keep the old keys in the list."
        )
    if progress.elsewhere:
        yield (
            f"{progress.elsewhere} values were sealed for another owner or row: somebody moved them past the portal, "
            "and no key helps."
        )
    if not progress.is_complete:
        yield "Something still writes under old keys: start every process anew, then this."
