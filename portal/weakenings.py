"""What the two-person rule holds back: changes that weaken, seen as they reach the database.

One table for all rooms says which rows weaken how; rooms above add rules that take their knowledge. While the rule is
on, a door runs its deed inside `at_door`: the deed is done, and if anything in it weakens, all of it is undone again and
proposed to a second person. A weakening that comes past every such door is refused where it is written. Commands and
tasks are the work of whoever runs the machine, and outside the rule.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal import recording
from portal.context import current
from portal.encryption import UNREADABLE, readable
from portal.errors import Refusal
from portal.platform_settings import SETTINGS, value

Rule = Callable[[Any, Any], bool]
SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
MOST_STEPS = 100  # rows of one deed that a second person is asked about
OUTSIDE = frozenset(["", "COMMAND", "TASK"])  # methods of what is no request


def raised(name: str) -> Rule:
    """A limit of a stored row goes up, or goes. None is no limit."""

    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None or getattr(before, name) is None:
            return False
        limit = getattr(after, name)
        return limit is None or limit > getattr(before, name)

    return rule


def shortened(name: str, setting: str) -> Rule:
    """What is kept of a stored row's is kept for less time. None is as the platform keeps it."""

    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None:
            return False
        kept = [getattr(row, name) or value(setting) for row in (before, after)]
        return bool(kept[1] < kept[0])

    return rule


def removed(before: Any, after: Any) -> bool:
    return before is not None and after is None


def switched_off(name: str) -> Rule:
    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None:
            return False
        return bool(getattr(before, name)) and not getattr(after, name)

    return rule


def setting_is_weaker(before: Any, after: Any) -> bool:
    """Without a row the default holds."""
    name = (before or after).name
    if name not in SETTINGS:
        return False
    default = SETTINGS[name].default
    values = [row.value if row is not None else default for row in (before, after)]
    return SETTINGS[name].is_weaker(*values)


# What weakens, by model. `ROOM` says that the room itself registers how.
ROOM: tuple[Rule, ...] = ()
TABLE: dict[str, tuple[Rule, ...]] = {
    "portal.Setting": (setting_is_weaker,),
    "audit.Destination": ROOM,
    "accounts.Key": (raised("monthly_budget"),),
    "teams.Team": (
        raised("monthly_budget"),
        shortened("content_hours", "content_hours"),
        shortened("conversation_days", "conversation_days"),
        shortened("usage_days", "usage_days"),
        shortened("event_days", "event_days"),
    ),
    "teams.LegalHold": (removed,),
    "guards.Guard": ROOM,
    "guards.GuardAttachment": ROOM,
    "projects.Project": (raised("monthly_budget"), switched_off("log_content")),
    "projects.ProjectGuard": ROOM,
    "widget.Widget": ROOM,
}
_rules: dict[str, Rule] = {}
_reads: dict[str, tuple[str, ...]] = {}


def register_rule(label: str, rule: Rule, *, reads: tuple[str, ...] = ()) -> None:
    """By the room of a model that the table gives to it.

    `reads` are fields that decide what a weakening does though it leaves them as they are: whoever approves sees them,
    and it is outdated once they change.
    """
    if TABLE.get(label) is not ROOM:
        raise ValueError(f"{label} is not left to its room.")
    _rules[label], _reads[label] = rule, reads


def is_weaker(model: type[models.Model], before: Any, after: Any) -> bool:
    label = model._meta.label
    rules = TABLE.get(label, ()) or ((_rules[label],) if label in TABLE else ())
    return any(rule(before, after) for rule in rules)


@dataclass(slots=True)
class Step:
    """One row of a deed: what it was and would be. `before` and `after` hold the values of what changes, by field."""

    model: type[models.Model]
    key: Any
    verb: str
    before: dict[str, Any] = field(repr=False)
    after: dict[str, Any] = field(repr=False)
    row: Any  # as it would be; as it was, where it goes
    is_weaker: bool


@dataclass(slots=True)
class Collected:
    """What a deed at a door changed so far. Rows that go along with another one are not steps of their own."""

    steps: list[Step] = field(default_factory=list)

    @property
    def is_weaker(self) -> bool:
        return any(step.is_weaker for step in self.steps)

    def add(self, step: Step) -> None:
        """What is written twice is one step."""
        for known in self.steps:
            if step.verb == "change" and (known.model, known.key) == (step.model, step.key):
                if known.verb == "change":
                    known.before = {**step.before, **known.before}
                known.after |= step.after
                known.row, known.is_weaker = step.row, known.is_weaker or step.is_weaker
                return
        self.steps.append(step)


Proposer = Callable[[HttpRequest, list[Step], Any, Any], HttpResponse]
_proposers: list[Proposer] = []
_collecting: ContextVar[Collected | None] = ContextVar("gatehouse_collecting", default=None)
_approved: ContextVar[frozenset[tuple[str, str]]] = ContextVar(
    "gatehouse_approved", default=frozenset()
)


_going: ContextVar[bool] = ContextVar("gatehouse_going", default=False)


def register_proposer(proposer: Proposer) -> None:
    """`proposer(request, steps, model, key)` keeps what was undone until somebody approves, and says so to the caller.

    `model` and `key` name the page or resource; `key` is None for several rows at once.
    """
    _proposers[:] = [proposer]


def rule_is_on() -> bool:
    return bool(value("two_person_rule"))


def at_door(
    request: HttpRequest,
    deed: Callable[[], HttpResponse],
    *,
    model: type[models.Model] | None = None,
    key: Any = None,
) -> HttpResponse:
    """Does the deed; what would weaken is proposed instead, as a whole."""
    if request.method in SAFE or _collecting.get() is not None or not rule_is_on():
        return deed()
    collected, said = Collected(), _said(request)
    token = _collecting.set(collected)
    try:
        with transaction.atomic():
            answer = deed()
            if collected.is_weaker:
                transaction.set_rollback(True)
    finally:
        _collecting.reset(token)
    if not collected.is_weaker:
        return answer
    del _messages(request)[said:]  # they tell of what was undone
    return _proposers[0](request, collected.steps, model, key)


@contextmanager
def approved(rows: frozenset[tuple[str, str]]) -> Iterator[None]:
    """These rows, by label and key, may become weaker here: two people want it. A new row's key is empty."""
    token = _approved.set(rows)
    try:
        yield
    finally:
        _approved.reset(token)


@contextmanager
def going_whole() -> Iterator[None]:
    """What goes here goes with all that it watched over: its guards are not taken off anything that stays."""
    token = _going.set(True)
    try:
        yield
    finally:
        _going.reset(token)


def watch(change: recording.Change) -> None:
    """Of every change of a recorded row. Raises `Refusal("conflict")` for a weakening that nobody approved."""
    collected, label = _collecting.get(), change.model._meta.label
    if change.goes_along or (change.after is None and _going.get()):
        return
    if label not in TABLE and (collected is None or len(collected.steps) > MOST_STEPS):
        return
    if collected is None and (current().method in OUTSIDE or not rule_is_on()):
        return
    step = _step_of(change)
    if collected is not None:
        collected.add(step)
        return
    key = "" if step.verb == "add" else str(change.key)
    if step.is_weaker and (label, key) not in _approved.get():
        raise Refusal(
            "conflict", _("This weakens something, and needs a second person. Nothing was changed.")
        )


def _step_of(change: recording.Change) -> Step:
    row = change.model._base_manager.using(change.using).filter(pk=change.key).first()
    if change.before is None:
        return _made("add", change, row, None, row)
    if change.after is None:
        return _made("delete", change, row, row, None)
    return _made("change", change, row, rebuilt(row, change.before), row)


def _made(verb: str, change: recording.Change, row: Any, before: Any, after: Any) -> Step:
    weakens = is_weaker(change.model, before, after)
    reads = _reads.get(change.model._meta.label, ()) if weakens else ()
    names = list(dict.fromkeys([*(change.before or change.after or {}), *reads]))
    old, new = ({name: held(side, name) for name in names} for side in (before, after))
    if verb == "change":
        names = [name for name in names if name in reads or old[name] != new[name]]
    return Step(
        change.model,
        change.key,
        verb,
        {name: old[name] for name in names} if before is not None else {},
        {name: new[name] for name in names} if after is not None else {},
        row,
        weakens,
    )


def held(row: Any, name: str) -> Any:
    """The value of a field, a relation's as its key; None for encrypted text that cannot be read, and of no row."""
    found = None if row is None else readable(row, row._meta.get_field(name).attname)
    return None if found is UNREADABLE else found


def rebuilt(row: Any, values: dict[str, Any]) -> Any:
    """The row with these values, by field; what it pointed at is looked up anew."""
    found = copy.copy(row)
    for name, given in values.items():
        place = row._meta.get_field(name)
        found.__dict__[place.attname] = given
        found._state.fields_cache.pop(name, None)
    return found


def _messages(request: HttpRequest) -> list[Any]:
    try:
        return messages.get_messages(request)._queued_messages  # type: ignore[attr-defined]
    except AttributeError:
        return []


def _said(request: HttpRequest) -> int:
    return len(_messages(request))


recording.register_watcher(watch)
