"""The portal as the sweep runs it: our loggers say everything, and what is named in a file breaks when it is called.

Web server and worker are started on `web.py` and `worker.py`, which install it, instead of on `portal`. No test imports
these: they change what they import.
"""

import logging
import os
from importlib import import_module
from pathlib import Path

ROOMS = ("portal", "audit", "accounts", "teams", "guards", "projects", "widget")
# Functions that are told a secret: it stands among the arguments of the frame that breaks.
BREAKABLE = (
    "accounts.actions.set_password",
    "accounts.proving.authenticate",
    "accounts.token_actions.refresh",
    "accounts.second_factor.check",
    "portal.models.Provider.set_secret",
    "portal.models.Provider.merged_headers",
    "projects.ledger.settle",
    "projects.steps.inspect",
    "accounts.authentication.keys.parse",
)


class Broken(Exception):
    pass


def breaking(place, original):
    """Breaks as code does: with a secret in a local variable, and in the words of the exception."""

    def function(*args, **kwargs):
        if Path(os.environ["CANARY_BREAKS"]).read_text() == place:
            held = [str(one) for one in (*args[1:], *kwargs.values())] or [str(args)]
            try:
                {}[held[-1]]
            except KeyError as error:
                raise Broken(f"no such thing: {held[-1]}") from error
        return original(*args, **kwargs)

    return function


def install() -> None:
    for room in ROOMS:
        logging.getLogger(room).setLevel(logging.DEBUG)
    for place in BREAKABLE:
        owner_name, _, name = place.rpartition(".")
        try:
            owner = import_module(owner_name)
        except ModuleNotFoundError:
            module, _, kind = owner_name.rpartition(".")
            owner = getattr(import_module(module), kind)
        setattr(owner, name, breaking(place, getattr(owner, name)))
