"""Periodic work on sessions."""

from celery import shared_task
from django.core.management import call_command


@shared_task(name="accounts.clear_sessions")
def clear_sessions() -> None:
    """Removes expired sessions from the store."""
    call_command("clearsessions")
