"""The portal with layers that break on demand: web server and worker are started on it instead of on `portal`.

The file named by `BREAKING` says which layer is broken at the moment. No test imports this module: it changes what it
imports.
"""

import os
from pathlib import Path

from portal.celery import app
from portal.wsgi import application
from tests.tooling.layers import LAYERS, WORDS

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
