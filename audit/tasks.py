"""Periodic work on the trail."""

import logging

from celery import shared_task

from audit import sealing
from audit.checkpoint_file import OutOfStep
from audit.forwarding import turns

logger = logging.getLogger("audit.sealing")


@shared_task(name="audit.seal")
def seal() -> int:
    """Seals what was written since; returns how many entries."""
    try:
        return sealing.seal()
    except (OutOfStep, sealing.NoKey, OSError) as error:
        logger.critical("the trail is not sealed: %s", error)
        raise


@shared_task(name="audit.forward")
def forward() -> int:
    """Sends what was written since to each destination whose turn it is; returns how many entries."""
    return turns.forward_due()
