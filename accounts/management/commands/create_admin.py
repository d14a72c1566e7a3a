from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse

from accounts.models import User


class Command(BaseCommand):
    help = (
        "Creates the first administrator. Prints a one-time link to set the password, "
        "or takes the password from PORTAL_ADMIN_PASSWORD. Does nothing for an existing one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first()
        if user is not None:
            if not user.is_superuser:
                raise CommandError("This account exists and is no administrator.")
            self.stdout.write("This administrator exists already.")
            return
        user = User(email=email, is_superuser=True)
        try:
            validate_email(email)
            if settings.ADMIN_PASSWORD:
                validate_password(settings.ADMIN_PASSWORD, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if settings.ADMIN_PASSWORD:
            user.set_password(settings.ADMIN_PASSWORD)
        else:
            user.set_unusable_password()
        user.save()
        if settings.ADMIN_PASSWORD:
            self.stdout.write("The administrator has the password of PORTAL_ADMIN_PASSWORD.")
            return
        self.stdout.write("Set the password here, once: " + link(user))


def link(user: User) -> str:
    """The address at which this person sets their password; it ends with the first use."""
    token = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    uid, _dash, key = token.partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": key})
    return settings.BASE_URL + path
