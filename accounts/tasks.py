"""Periodic work on accounts."""

from celery import shared_task

from accounts import notices
from accounts.models import TokenFamily
from accounts.sessions import SessionStore


@shared_task(name="accounts.clear_sessions")
def clear_sessions() -> None:
    """Removes expired sessions and families of tokens."""
    SessionStore.clear_expired()
    TokenFamily.objects.over().delete()


@shared_task(name="accounts.mail_notices")
def mail_notices() -> None:
    """Mails what people are to be told by mail too."""
    notices.mail_due()
