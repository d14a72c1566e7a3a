"""The worker's way in, as the sweep runs it: in the worker's own role of the database."""

import django

from portal.celery import app
from tests.audit.canaries.process import install

__all__ = ["app"]
django.setup()
install()
