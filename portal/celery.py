"""The Celery application: `celery -A portal.celery worker -B` on the embedded default."""

import logging.config
import os
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging
from django.conf import settings

from portal.context import RequestContext, entered
from portal.failures import failure_recorded
from portal.logs import guard_tracebacks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class PortalTask(Task):
    """Each run is one request to the trail and the logs, with its own id and the task's name as path."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = RequestContext(method="TASK", path=self.name)
        with entered(context), failure_recorded("task_failed"):
            return super().__call__(*args, **kwargs)


@setup_logging.connect
def _log_as_everywhere(**_: Any) -> None:
    """Celery sets up nothing of its own: the worker's and beat's lines are the portal's, credentials taken out."""
    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(True)
    guard_tracebacks()


app = Celery("gatehouse", task_cls=PortalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
