"""Periodic work on accounts."""

from celery import shared_task

from accounts import impersonation, notices, pending_actions
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


@shared_task(name="accounts.end_impersonations")
def end_impersonations() -> None:
    """Ends impersonations that are over, though nobody came by in their session."""
    impersonation.close_overdue()


@shared_task(name="accounts.expire_changes")
def expire_changes() -> None:
    """Writes down that pending changes are over which nobody decided."""
    pending_actions.expire_overdue()
