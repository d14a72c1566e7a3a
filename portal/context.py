"""Who is acting, from where, in which request: one context variable that the trail, the logs and the errors read."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from portal.heard import Heard


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts. `kind` is user, key, widget, system or anonymous; `label` is for people to read.

    `owner_id` is the account behind a key.
    """

    kind: str
    id: str = ""
    label: str = ""
    owner_id: int | None = None

    @property
    def person_id(self) -> int | None:
        """The account that is answerable; None where it is nobody's deed."""
        return int(self.id) if self.kind == "user" else self.owner_id


SYSTEM = Actor("system", label="system")
ANONYMOUS = Actor("anonymous", label="anonymous")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The circumstances of a deed. Empty strings where there is no request (commands, tasks)."""

    request_id: str = field(default_factory=lambda: new_request_id())
    address: str = ""
    agent: str = ""  # the client program, as it calls itself
    method: str = ""
    path: str = ""
    actor: Actor = SYSTEM
    on_behalf_of: Actor | None = None
    reason: str = ""
    heard: Heard = field(default_factory=Heard, repr=False, compare=False)


def new_request_id() -> str:
    return "req_" + secrets.token_hex(12)


_current: ContextVar[RequestContext | None] = ContextVar("gatehouse_request", default=None)


def current() -> RequestContext:
    """The running request's context; outside of one, the system's own, new each time."""
    return _current.get() or RequestContext()


@contextmanager
def entered(context: RequestContext) -> Iterator[RequestContext]:
    """Makes `context` the current one for the block; middleware, commands and tasks use it."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def become(actor: Actor, *, on_behalf_of: Actor | None = None) -> None:
    """Names the actor of the running request, once authentication knows, and as whom they act if they impersonate.

    Nothing to do outside a request.
    """
    context = _current.get()
    if context is not None:
        _current.set(replace(context, actor=actor, on_behalf_of=on_behalf_of))


@contextmanager
def acting(actor: Actor, reason: str = "") -> Iterator[RequestContext]:
    """The same circumstances with another actor, for commands, tasks and stream bodies."""
    with entered(replace(current(), actor=actor, reason=reason)) as context:
        yield context
