from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import sealing
from audit.checkpoint_file import OutOfStep


class Command(BaseCommand):
    help = "Seals all audit entries that no checkpoint covers yet, and brings the checkpoints file in step."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after-lost-key",
            action="store_true",
            help="go on though the key of the newest checkpoint is lost: the new key then vouches for all before it, "
            "so verify the trail with the old public key first",
        )

    def handle(self, *args: Any, after_lost_key: bool, **options: Any) -> None:
        try:
            sealed = sealing.seal(after_lost_key=after_lost_key)
        except (OutOfStep, sealing.NoKey, OSError) as error:
            raise CommandError(f"The trail is not sealed: {error}") from None
        number = sealing.newest().number
        self.stdout.write(f"{sealed} entries sealed; the newest checkpoint is {number}")
