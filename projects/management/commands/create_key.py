from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.actions import create_key
from accounts.models import User
from accounts.scopes import SCOPES
from portal.errors import Refusal


class Command(BaseCommand):
    help = "Creates an API key and prints it, once, alone on stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, metavar="EMAIL", help="the owner")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=sorted(SCOPES),
            help="repeatable; without it the key has all of its owner's rights",
        )
        parser.add_argument(
            "--project", action="append", default=[], metavar="SLUG", help="repeatable; confines it"
        )
        parser.add_argument("--expires-days", type=int, metavar="D")
        parser.add_argument("--requests-per-second", type=int, metavar="R")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["user"].lower()).first()
        if user is None:
            raise CommandError("There is no user with this e-mail address.")
        days = options["expires_days"]
        try:
            _key, plaintext = create_key(
                by=user,
                user=user,
                name=options["name"],
                scopes=options["scope"],
                projects=options["project"] or None,
                expires_at=timezone.now() + timedelta(days=days) if days else None,
                requests_per_second=options["requests_per_second"],
            )
        except Refusal as refusal:
            raise CommandError(_words_of(refusal)) from None
        self.stdout.write(plaintext)


def _words_of(refusal: Refusal) -> str:
    """With the fields at fault: "projects: There is no such project."."""
    fields = (refusal.fields or {}).items()
    named = [f"{name}: {' '.join(map(str, words))}" for name, words in fields]
    return " ".join([str(refusal.message), *named])
