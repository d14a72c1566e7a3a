"""The trail held against the tables: what changed between two moments, row by row, is what the entries between them say.

Each row that changed has exactly one entry, with true sides; an entry of a row that did not change is a lie. The sides
are worked out here from the tables alone, not with the recorder's own code.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from audit.changes import unsealed
from audit.models import Entry
from portal.classification import (
    CONTENT,
    EXEMPT_FIELDS,
    EXEMPT_MODELS,
    PERSONAL,
    SECRET,
    class_of,
)
from portal.encryption import MASK, EncryptedTextField, readable
from portal.keyring import Unreadable

CHANGES = ("create", "update", "delete")
Tables = dict[str, dict[str, dict[str, Any]]]  # by model and primary key, the recorded fields


def recorded() -> list[type[models.Model]]:
    """Every model that is written down, tables of many-to-many relations too."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not model._meta.auto_created
        and model._meta.label not in EXEMPT_MODELS
    ]


def fields_of(model: type[models.Model]) -> list[models.Field]:
    return [
        field
        for field in model._meta.concrete_fields
        if f"{model._meta.label}.{field.name}" not in EXEMPT_FIELDS
        and not getattr(field, "generated", False)
    ]


def tables() -> Tables:
    """All rows of all recorded tables, as they are stored; what is encrypted is opened."""
    return {
        model._meta.label: {
            str(row.pk): {one.name: _held(row, one) for one in fields_of(model)}
            for row in model._base_manager.order_by()
        }
        for model in recorded()
    }


def _held(row: models.Model, one: models.Field) -> Any:
    if isinstance(one, EncryptedTextField):
        return readable(row, one.attname, "(unreadable)")
    return json.loads(json.dumps(row.__dict__[one.attname], cls=DjangoJSONEncoder))


def differences(before: Tables, after: Tables) -> dict[tuple[str, str], tuple[Any, Any]]:
    """(before, after) of each row that changed, by model and primary key; None where it is not."""
    found = {}
    for label in after:
        for key in before[label].keys() | after[label].keys():
            sides = before[label].get(key), after[label].get(key)
            if sides[0] != sides[1]:
                found[label, key] = sides
    return found


@dataclass
class Page:
    """What was written between two moments: `entries` in order, and what is wrong with them, in words."""

    entries: list[Entry]
    problems: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.action not in CHANGES]

    def words(self) -> list[str]:
        """Each kind once: `create teams.Grant`, `tokens_issued`."""
        return sorted(
            {
                f"{entry.action} {entry.target_type}" if entry.action in CHANGES else entry.action
                for entry in self.entries
            }
        )


def last_id() -> int:
    return Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def compared(before: Tables, after: Tables, since: int) -> Page:
    entries = list(Entry.objects.filter(id__gt=since).order_by("id"))
    page = Page(entries)
    by_row = defaultdict(list)
    for entry in entries:
        if entry.action in CHANGES:
            by_row[entry.target_type, entry.target_id].append(entry)
    changed = differences(before, after)
    for row in sorted(changed.keys() | by_row.keys()):
        page.problems += _judged(row, changed.get(row), by_row.get(row, []), before)
    return page


def _judged(
    row: tuple[str, str], sides: Any, written: list[Entry], before: Tables
) -> Iterator[str]:
    name = " ".join(row)
    if sides is None:
        yield f"{name} did not change, and has {[entry.action for entry in written]}"
        return
    if len(written) != 1:
        yield f"{name} changed once, and has {len(written)} entries: {_told(written)} of {sides}"
        return
    entry = written[0]
    action = "create" if sides[0] is None else "delete" if sides[1] is None else "update"
    if entry.action != action:
        yield f"{name}: {action} is called {entry.action}"
    model = apps.get_model(row[0])
    for one in fields_of(model):
        old, new = ((side or {}).get(one.name) for side in sides)
        said = entry.changes.get(one.name)
        if action == "update" and old == new:
            if said is not None:
                yield f"{name}.{one.name} did not change, and is said to be {said}"
        elif said is None:
            if old not in (None, "") or new not in (None, ""):
                yield f"{name}.{one.name}: {old!r} → {new!r} is not said"
        elif not all(_says(one, part, value) for part, value in zip(said, (old, new), strict=True)):
            yield f"{name}.{one.name}: {old!r} → {new!r} is said to be {said}"
    unknown = set(entry.changes) - {one.name for one in model._meta.get_fields()}
    if unknown:
        yield f"{name}: {unknown} is no field"


def _told(written: list[Entry]) -> list[Any]:
    return [(entry.action, entry.changes) for entry in written]


def _says(one: models.Field, said: Any, value: Any) -> bool:
    """Whether this side of an entry is how the trail writes down this value."""
    if value is None or value == "":
        return said == value or (said is None and value == "")
    kind = class_of(one)
    if kind in (SECRET, CONTENT):
        return said == MASK
    if kind == PERSONAL:
        return said == MASK or _opened(one, said) == str(value)
    return said == value


def _opened(one: models.Field, said: Any) -> str:
    try:
        return unsealed(said, place=f"{one.model._meta.label}.{one.name}")
    except (Unreadable, KeyError, TypeError):
        return "(not sealed)"


@contextmanager
def balanced() -> Iterator[Callable[[], Page]]:
    """What runs within is held against the trail; the answer gives the page once it is over.

    ```
    with balanced() as page:
        client.post(…)
    assert page().words() == ["update teams.Team"]
    ```
    """
    since, before = last_id(), tables()
    found: list[Page] = []
    yield lambda: found[0]
    found.append(compared(before, tables(), since))
    assert not found[0].problems, "\n".join(found[0].problems)
