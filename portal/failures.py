"""A command or task that breaks off leaves an entry of its own, after whatever it had open is undone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("portal.failures")
ROOMS = frozenset(["portal", "audit", "accounts", "teams", "guards", "projects", "widget"])
# They run where there may be no table of the trail yet, or for as long as the portal does.
NOT_NOTED = frozenset(["serve", "create_database_roles"])


@contextmanager
def failure_recorded(action: str) -> Iterator[None]:
    """Of the error the kind is kept, never its words. What cannot be written is logged, and hides nothing."""
    try:
        yield
    except Exception as error:
        from celery.exceptions import TaskPredicate  # "again later" is no failure

        if not isinstance(error, TaskPredicate):
            record(action, error)
        raise


@contextmanager
def command_recorded(name: str) -> Iterator[None]:
    """The same for a command of ours, also for one that refuses: Django makes its `CommandError` an exit with 1."""
    try:
        yield
    except (Exception, SystemExit) as error:
        left = isinstance(error, SystemExit) and error.code != 1
        if not left and _is_ours(name):
            record("command_failed", error)
        raise


def _is_ours(name: str) -> bool:
    from django.core.management import get_commands

    return get_commands().get(name) in ROOMS and name not in NOT_NOTED


def record(action: str, error: BaseException) -> None:
    from django.db import Error

    from portal.errors import Refusal
    from portal.recording import recorder
    from portal.tenancy import EVERYTHING, tenant

    refused = isinstance(error, SystemExit)
    kind = error.code if isinstance(error, Refusal) else type(error).__name__
    changes = {} if refused else {"error": [None, kind]}
    try:
        with tenant(EVERYTHING, atomic=True):
            recorder().event(action, changes, outcome="refused" if refused else "failed")
    except (Refusal, Error, RuntimeError):
        logger.warning("a failure could not be recorded", exc_info=True)
