from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts.links import password_link
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Creates the first administrator. Prints a one-time link to set the password, "
        "or takes the password from PORTAL_ADMIN_PASSWORD. Changes nothing about an administrator "
        "who exists; one who has no password yet gets another link."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first()
        if user is not None:
            self._look_at(user)
            return
        user = User(email=email, is_superuser=True)
        try:
            validate_email(email)
            if settings.ADMIN_PASSWORD:
                validate_password(settings.ADMIN_PASSWORD, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.set_password(settings.ADMIN_PASSWORD or None)  # None: unusable, until the link is used
        user.save()
        if settings.ADMIN_PASSWORD:
            self.stdout.write("The administrator has the password of PORTAL_ADMIN_PASSWORD.")
        else:
            self._print_link(user)

    def _look_at(self, user: User) -> None:
        if not user.is_superuser:
            raise CommandError("This account exists and is no administrator.")
        self.stdout.write("This administrator exists already.")
        if not user.has_usable_password():
            self._print_link(user)

    def _print_link(self, user: User) -> None:
        self.stdout.write("Set the password here, once: " + password_link(user))
