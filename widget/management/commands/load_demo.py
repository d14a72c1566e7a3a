from typing import Any

from django.core.management.base import BaseCommand

from projects.demo import load_organisation, load_usage
from widget.demo import load_widget


class Command(BaseCommand):
    help = "Creates what is missing of the demo organisation and prints the passwords of the people it created."

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = load_organisation()
        load_widget()
        load_usage()
        if passwords:
            self.stdout.write("Passwords, generated now and shown this once:")
        for email, password in passwords.items():
            self.stdout.write(f"  {email:<24} {password}")
