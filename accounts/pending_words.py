"""A pending change in words: each row, and each field's value before and after; secrets are never shown."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.two_person import as_held, model_of, stored_row
from portal.classification import CONTENT, SECRET, class_of
from portal.encryption import MASK
from portal.models import Setting
from portal.platform_settings import SETTINGS

LONGEST, LEAD = (
    2000,
    60,
)  # characters of a value that are shown; of them before the first that differs
COMPUTED = frozenset(["version", "changed_at", "created_at", "uid", "public_id"])


@dataclass(frozen=True, slots=True)
class Difference:
    field: Any
    before: str
    after: str

    @property
    def stays(self) -> bool:
        """It is there to be seen with the others."""
        return self.before == self.after != MASK


@dataclass(frozen=True, slots=True)
class StepWords:
    """`kind` is what sort of row, `verb` one of change, delete, add; `is_weaker` where this is why it waits."""

    kind: Any
    label: str
    verb: str
    is_weaker: bool
    differences: list[Difference]


def steps_in_words(steps: list[dict[str, Any]], reader: Any) -> list[StepWords]:
    return [_in_words(step, reader) for step in steps]


def _in_words(step: dict[str, Any], reader: Any) -> StepWords:
    model = model_of(step)
    label = step["label"]
    if model is Setting and label in SETTINGS:
        label = str(SETTINGS[label].title)
    found = []
    for name in _names(model, step):
        field: Any = model._meta.get_field(name)
        sides = [_shown(field, step[side].get(name), step, reader) for side in ("before", "after")]
        found.append(Difference(capfirst(str(field.verbose_name)), *_cut(*sides)))
    return StepWords(model._meta.verbose_name, label, step["verb"], bool(step["is_weaker"]), found)


def _names(model: type[models.Model], step: dict[str, Any]) -> list[str]:
    """In the model's order; of a row that comes or goes without what says nothing."""
    given = {**step["before"], **step["after"]}
    found = [field.name for field in model._meta.concrete_fields if field.name in given]
    found = [name for name in found if name not in COMPUTED]
    if step["verb"] == "change":
        return found
    return [name for name in found if name != "id" and given[name] not in (None, "", [], {})]


def _shown(field: Any, kept: Any, step: dict[str, Any], reader: Any) -> str:
    if kept is None:
        return str(_("no limit")) if "budget" in field.name else "–"
    if kept == "":
        return "–"
    kind = class_of(field)
    if kind == SECRET or (kind == CONTENT and not _may_read(reader, step)):
        return MASK
    held = as_held(field, kept)
    if isinstance(held, bool):
        return str(_("yes") if held else _("no"))
    if field.is_relation:
        row = field.related_model._base_manager.filter(pk=held).first()
        return str(row) if row is not None else str(held)
    if field.choices:
        return str(dict(field.flatchoices).get(held, held))
    if isinstance(held, dict | list):
        return _plain(held)
    return str(held)


def _cut(before: str, after: str) -> tuple[str, str]:
    """Long values from shortly before they differ, so that no change hides behind what is left out."""
    shorter = min(len(before), len(after))
    if max(len(before), len(after)) <= LONGEST:
        return before, after
    differs = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    start = max(0, differs - LEAD) if before != after else 0
    return _part(before, start), _part(after, start)


def _part(text: str, start: int) -> str:
    shown, left = text[start : start + LONGEST], max(0, len(text) - start - LONGEST)
    words = _(" … and %(count)d characters more") % {"count": left} if left else ""
    return f"{'… ' if start else ''}{shown}{words}"


def _plain(held: Any) -> str:
    """A list as its items, an object as lines."""
    if isinstance(held, list):
        return ", ".join(str(item) for item in held) or "–"
    lines = (f"{name}: {json.dumps(item, ensure_ascii=False)}" for name, item in held.items())
    return "\n".join(lines) or "–"


def _may_read(reader: Any, step: dict[str, Any]) -> bool:
    """Somebody's words are for people who may change the row; auditors and keys see that they change."""
    if reader is None:
        return False
    row = stored_row(step) if step["id"] else None
    model = model_of(step)
    permission = f"{model._meta.app_label}.change_{model._meta.model_name}"
    return bool(reader.has_perm(permission, row))
