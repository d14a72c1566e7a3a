"""The Celery application: `celery -A portal.celery worker -B` on the embedded default."""

import os
from typing import Any

from celery import Celery, Task

from portal.context import RequestContext, entered

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class PortalTask(Task):
    """Each run is one request to the trail and the logs, with its own id and the task's name as path."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with entered(RequestContext(method="TASK", path=self.name)):
            return super().__call__(*args, **kwargs)


app = Celery("gatehouse", task_cls=PortalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
