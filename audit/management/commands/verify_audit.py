"""`manage.py verify_audit`: the whole trail, held to its seals and to the checkpoints file; then the rest is sealed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import checkpoint_file, sealing
from audit.verifier import Problem, Progress, public_key
from audit.verifying import verify


class Command(BaseCommand):
    help = (
        "Verifies that no entry of the audit trail was changed, added, moved or taken away since it was sealed, and seals "
        "what is not sealed yet. Exit code 1 and the first bad entry or checkpoint named if something is not as it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoints",
            metavar="FILE",
            type=Path,
            help="the checkpoints file, or a copy of it from a place that you trust more; "
            "by default PORTAL_AUDIT_CHECKPOINT_FILE",
        )
        parser.add_argument(
            "--public-key",
            metavar="KEY",
            action="append",
            default=[],
            help="the public key to trust instead of the configured ones (base64, or a file with it); may be repeated",
        )
        parser.add_argument("--no-seal", action="store_true", help="verify only")

    def handle(self, *args: Any, no_seal: bool, **options: Any) -> None:
        path = options["checkpoints"]
        if path is not None and not path.exists():
            raise CommandError(f"{path} is not there.", returncode=2)
        progress = Progress()
        try:
            keys = [public_key(text) for text in options["public_key"]]
            found = verify(path=path or checkpoint_file.path(), keys=keys, tell=progress)
        except Problem as problem:
            raise CommandError(f"NOT INTACT. {problem}") from None
        except (OSError, ValueError) as error:
            raise CommandError(f"Could not verify: {error}", returncode=2) from None
        finally:
            progress.close()
        for note in found.notes:
            self.stderr.write(note)
        self.stdout.write(
            f"The trail is intact: {found.entries:,} entries in {found.checkpoints:,} checkpoints."
        )
        if not no_seal:
            self._seal()

    def _seal(self) -> None:
        try:
            sealed = sealing.seal()
        except (checkpoint_file.OutOfStep, sealing.NoKey, OSError) as error:
            raise CommandError(f"What is new is not sealed: {error}") from None
        if sealed:
            self.stdout.write(f"{sealed:,} more entries were sealed.")
