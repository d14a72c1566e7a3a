"""A second process on the tests' database, in the application's role: what it does no listener of this one hears."""

import sys

from django.db import connection

from tests.strict import ROLE

PRELUDE = f"""
import sys, django
from django.conf import settings
django.setup()
from django.db import connection
from django.db.backends.signals import connection_created
settings.ALLOWED_HOSTS = ["testserver"]
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
connection.settings_dict["NAME"] = sys.argv[1]
def become(sender, connection, **_):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE {ROLE}")
connection_created.connect(become)
"""


def command(program: str, *arguments: str) -> list[str]:
    """How to start it; `arguments` are `sys.argv[2:]` there."""
    name = str(connection.settings_dict["NAME"])
    return [sys.executable, "-c", PRELUDE + program, name, *arguments]
