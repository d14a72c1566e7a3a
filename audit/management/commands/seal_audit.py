from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import sealing
from audit.checkpoint_file import OutOfStep


class Command(BaseCommand):
    help = "Seals all audit entries that no checkpoint covers yet, and brings the checkpoints file in step."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sealed = sealing.seal()
        except (OutOfStep, sealing.NoKey, OSError) as error:
            raise CommandError(f"The trail is not sealed: {error}") from None
        number = sealing.newest().number
        self.stdout.write(f"{sealed} entries sealed; the newest checkpoint is {number}")
