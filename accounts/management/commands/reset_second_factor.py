from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import factor_actions, second_factor
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Takes the second factor of somebody who lost it, and ends all their sessions: "
        "for the last administrator, whom nobody in the console can help."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError("There is no such person.")
        had_one = second_factor.has(user)
        factor_actions.reset(by=None, user=user)
        self.stdout.write("It is gone." if had_one else "They have none.")
