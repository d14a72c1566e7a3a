import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from guards.engine import ActiveGuard, inspect
from guards.models import Guard


class Command(BaseCommand):
    help = (
        'Runs a guard over a file of {"text": …} lines; writes, in the same order, one line for each: '
        "action, findings, text and microseconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--input", required=True, type=Path)
        parser.add_argument("--output", required=True, type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        guard = Guard.objects.filter(slug=options["slug"]).first()
        if guard is None:
            raise CommandError("There is no such guard.")
        failures = 0
        try:
            with options["output"].open("w", encoding="utf-8") as output:
                for text in _texts(options["input"]):
                    line, error = _judged(text, guard.activated())
                    failures += bool(error)
                    output.write(json.dumps(line) + "\n")
        except OSError as error:
            raise CommandError(str(error)) from None
        if failures:
            self.stderr.write(f"The guard failed on {failures} texts; its on_error decided.")


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                raise CommandError(f'Line {number} is not an object with a "text".')
            yield text


def _judged(text: str, guard: ActiveGuard) -> tuple[dict[str, Any], str]:
    """The line of the output, and what went wrong."""
    inspection = inspect([text], [guard], stage="input")
    outcome = inspection.outcomes[0]
    line = {
        "action": inspection.action.word,
        "findings": [finding.as_json() for finding in outcome.findings],
        "text": inspection.texts[0],
        "microseconds": outcome.latency_us,
    }
    return line, outcome.error
