"""`manage.py export_audit`: the sealed trail as a file that anybody can verify, without the portal and its secrets."""

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from audit import sealed_export, sealing, trail
from audit.checkpoint_file import OutOfStep
from audit.models import Entry
from audit.proofs import NotProvable, Proofs
from audit.verifier import Problem, Progress

# Option, the look-up it means, and what it says.
FILTERS: tuple[tuple[str, str, type, str], ...] = (
    ("action", "action", str, "what was done"),
    ("outcome", "outcome", str, "done, refused or failed"),
    ("actor-user", "actor_user_id", int, "the id of the person who did it"),
    ("subject", "subject_id", int, "the id of the person whom it was done to"),
    ("target-type", "target_type", str, "of what kind it was done to, as teams.Team"),
    ("target-id", "target_id", str, "its id"),
    ("team", "team_id", int, "a team's id"),
    ("request", "request_id", str, "a request's id"),
)


def moment(text: str) -> datetime:
    """A day or a time, in UTC where no zone is said."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a date, or a time as 2026-11-26T09:30") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Writes the sealed audit trail to a file for audit/verifier.py: all of it with its checkpoints, or, with filters, "
        "the entries that fit, each with its proof. Personal values stay sealed. docs/audit.md says how to verify it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output",
            metavar="FILE",
            type=Path,
            required=True,
            help="compressed if it ends with .gz",
        )
        parser.add_argument(
            "--entry", metavar="ID", type=int, help="this entry alone, for verifier.py --entry"
        )
        parser.add_argument("--from", dest="created_at__gte", metavar="TIME", type=moment)
        parser.add_argument(
            "--to", dest="created_at__lt", metavar="TIME", type=moment, help="before"
        )
        for option, lookup, kind, words in FILTERS:
            parser.add_argument(f"--{option}", dest=lookup, type=kind, help=words)

    def handle(self, *args: Any, **options: Any) -> None:
        lookups = ["created_at__gte", "created_at__lt", *(lookup for _, lookup, _, _ in FILTERS)]
        wanted = {name: options[name] for name in lookups if options[name] is not None}
        self._seal()
        progress = Progress()
        try:
            with sealed_export.whole_file(options["output"]) as file:
                if options["entry"] is not None:
                    found = Proofs().of(options["entry"])
                    file.write(json.dumps(found, ensure_ascii=False).encode() + b"\n")
                    words = f"Entry {options['entry']} was written with its proof."
                elif wanted:
                    words = self._selection(file, wanted, progress)
                else:
                    words = self._whole(file, progress)
                self._record(options, wanted)
        except NotProvable as error:
            raise CommandError(str(error)) from None
        except Problem as problem:
            raise CommandError(f"NOT INTACT. {problem}") from None
        except OSError as error:
            raise CommandError(f"Could not write the export: {error}", returncode=2) from None
        finally:
            progress.close()
        self.stdout.write(words)

    def _seal(self) -> None:
        """So that everything of now is in it. A trail that is not sound is exported as it is: it may be evidence."""
        try:
            sealing.seal()
        except (OutOfStep, sealing.NoKey, OSError) as error:
            self.stderr.write(f"What is not sealed yet is not in the export: {error}")

    def _whole(self, file: Any, progress: Progress) -> str:
        total = Entry.objects.count()
        entries, checkpoints = sealed_export.write_trail(
            file, tell=lambda entries: progress(entries, total, entries)
        )
        return (
            f"{entries:,} entries in {checkpoints:,} checkpoints were written. "
            f"Verify with --until {checkpoints} if the checkpoints file goes on."
        )

    def _selection(self, file: Any, wanted: dict[str, Any], progress: Progress) -> str:
        found: QuerySet = Entry.objects.filter(**wanted).order_by("id")
        total = found.count()
        written, left_out = sealed_export.write_selection(
            file,
            found.values_list("id", flat=True).iterator(),
            selection={name: str(value) for name, value in wanted.items()},
            tell=lambda entries: progress(entries, total, entries),
        )
        more = (
            f" {left_out:,} have no proof (not sealed, or others of their checkpoint were pruned)."
        )
        return f"{written:,} entries were written, each with its proof.{more if left_out else ''}"

    def _record(self, options: dict[str, Any], wanted: dict[str, Any]) -> None:
        asked = {name: [None, str(value)] for name, value in wanted.items()}
        if options["entry"] is not None:
            asked["entry"] = [None, options["entry"]]
        changes = {"file": [None, options["output"].name], **asked}
        trail.record(action="audit_exported", target_type="audit.Entry", changes=changes)
