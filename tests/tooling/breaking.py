"""The portal with layers that break on demand: web server and worker are started on it instead of on `portal`.

The file named by `BREAKING` says which layer is broken at the moment.
"""

import os
from pathlib import Path

from portal.celery import app
from portal.wsgi import application

PASSWORD = "pa55-of-the-database"
KEY = "gh_AbCdEfGhIjKl_" + "x1Y2z3" * 7 + "abcdefg"
PROVIDER = "sk-proj-canary0123456789"
WORDS = (
    f"could not connect: postgresql://gatehouse:{PASSWORD}@10.1.2.3:5432/portal "
    f"Authorization: Bearer {KEY}; {PROVIDER}"
)
CREDENTIALS = (PASSWORD, KEY, PROVIDER)
LAYERS = (
    "guards.stream.StreamInspector.feed",
    "guards.stream.StreamInspector.finish",
    "projects.ledger.settle",
    "projects.streaming._count",
    "projects.steps.still_allowed",
    "projects.steps.inspect",
    "projects.v1._Chunks._end",
    "projects.answers.as_answer",
    "portal.middleware.is_welcome",
    "portal.views.is_degraded",
    "portal.csp_reports.take",
)
__all__ = ["app", "application"]


class Boom(Exception):
    pass


def is_broken(layer: str) -> bool:
    return Path(os.environ["BREAKING"]).read_text() == layer


def breaking(layer, original):
    def function(*args, **kwargs):
        if is_broken(layer):
            raise Boom(WORDS)
        return original(*args, **kwargs)

    return function


def install() -> None:
    from importlib import import_module

    for layer in LAYERS:
        owner_name, _, name = layer.rpartition(".")
        try:
            owner = import_module(owner_name)
        except ModuleNotFoundError:
            module, _, kind = owner_name.rpartition(".")
            owner = getattr(import_module(module), kind)
        setattr(owner, name, breaking(layer, getattr(owner, name)))


@app.task(name="tests.break")
def break_task() -> None:
    raise Boom(WORDS)


@app.task(name="tests.say")
def say() -> None:
    import logging
    import sys

    logging.getLogger("tests").warning(WORDS)
    sys.stderr.flush()


app.conf.beat_schedule = {"break": {"task": "tests.break", "schedule": 1.0}}
install()
