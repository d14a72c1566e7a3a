"""Before and after as people compare them: words that went and came, items of lists, options by name.

What is hidden says why: secrets and content were never recorded, and of who was erased nothing can be opened any more.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from audit.changes import unsealed
from portal.encryption import MASK
from portal.keyring import Unreadable

LONGEST = (
    20_000  # characters of a text that is compared word by word; a longer one is marked as a whole
)
MOST = 200  # items that a list shows
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
SAME, GONE, CAME = "", "gone", "came"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a side; `mark` is SAME, GONE or CAME."""

    text: str = field(repr=False)
    mark: str = SAME


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change: running text, or items below each other. `says` replaces what cannot be shown."""

    parts: tuple[Part, ...] = ()
    is_list: bool = False
    says: str = ""
    left_out: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.parts or self.says)


@dataclass(frozen=True, slots=True)
class Line:
    """A field of an entry, by its own name and in words."""

    name: str
    label: str
    before: Side
    after: Side


NOTHING = Side()


def lines(
    target_type: str, changes: dict[str, Any], *, opens: Callable[[], bool] = lambda: True
) -> list[Line]:
    """What changed, field by field. Personal values are opened for who may see them: `opens()` is asked at the first."""
    model = _model(target_type)
    found = []
    for name, change in changes.items():
        field = _field(model, name)
        show = _Shown(f"{target_type}.{name}", field, opens)
        label = capfirst(str(field.verbose_name)) if field is not None else _plainly(name)
        found.append(Line(name, label, *_sides(change, show)))
    return found


def _sides(change: Any, show: "_Shown") -> tuple[Side, Side]:
    if isinstance(change, dict) and change.keys() and change.keys() <= {"added", "removed"}:
        return (
            _items(change.get("removed") or [], GONE, show),
            _items(change.get("added") or [], CAME, show),
        )
    if isinstance(change, list) and len(change) == 2:
        return _compared(change[0], change[1], show)
    return NOTHING, _alone(change, SAME, show)


def _compared(old: Any, new: Any, show: "_Shown") -> tuple[Side, Side]:
    if isinstance(old, list) and isinstance(new, list):
        return _lists([show(item) for item in old], [show(item) for item in new])
    if _is_options(old) and _is_options(new):
        return _options(old, new, show)
    before, after = show(old), show(new)
    is_choice = bool(getattr(show.field, "flatchoices", None))
    if is_choice or isinstance(before, Side) or isinstance(after, Side) or not (before and after):
        return _alone(old, GONE, show), _alone(new, CAME, show)
    return words(before, after)


def words(old: str, new: str) -> tuple[Side, Side]:
    """Two texts with the words that went and came."""
    if max(len(old), len(new)) > LONGEST:
        return Side((Part(old, GONE),)), Side((Part(new, CAME),))
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=len(before) > 2_000)
    if matcher.ratio() < 0.3:  # hardly a word in common: two texts, not one that was edited
        return Side((Part(old, GONE),)), Side((Part(new, CAME),))
    left: list[Part] = []
    right: list[Part] = []
    for verb, a, b, c, d in matcher.get_opcodes():
        if verb == "equal":
            left.append(Part("".join(before[a:b])))
            right.append(Part("".join(after[c:d])))
            continue
        if b > a:
            left.append(Part("".join(before[a:b]), GONE))
        if d > c:
            right.append(Part("".join(after[c:d]), CAME))
    return Side(tuple(left)), Side(tuple(right))


def _lists(old: list[Any], new: list[Any]) -> tuple[Side, Side]:
    """What stands in one of both alone is marked, in the order of its list."""
    before, after = [_text(item) for item in old], [_text(item) for item in new]
    gone, came = set(before) - set(after), set(after) - set(before)
    return (
        _listed([Part(item, GONE if item in gone else SAME) for item in before]),
        _listed([Part(item, CAME if item in came else SAME) for item in after]),
    )


def _options(old: dict[str, Any], new: dict[str, Any], show: "_Shown") -> tuple[Side, Side]:
    names = list(dict.fromkeys([*old, *new]))
    left, right = [], []
    for name in names:
        is_same = old.get(name) == new.get(name) and name in old and name in new
        if name in old:
            left.append(Part(f"{name}: {_text(show(old[name]))}", SAME if is_same else GONE))
        if name in new:
            right.append(Part(f"{name}: {_text(show(new[name]))}", SAME if is_same else CAME))
    return _listed(left), _listed(right)


def _items(values: list[Any], mark: str, show: "_Shown") -> Side:
    return _listed([Part(_text(show(value)), mark) for value in values])


def _alone(value: Any, mark: str, show: "_Shown") -> Side:
    """A side that is compared with nothing."""
    if isinstance(value, list):
        return _items(value, mark, show)
    if _is_options(value):
        return _listed([Part(f"{name}: {_text(show(item))}", mark) for name, item in value.items()])
    shown = show(value)
    if isinstance(shown, Side):
        return shown
    return Side((Part(shown, mark),)) if shown else NOTHING


def _listed(parts: list[Part]) -> Side:
    """Of a very long list first what is marked."""
    if len(parts) > MOST:
        kept = [part for part in parts if part.mark][:MOST]
        return Side(tuple(kept), True, left_out=len(parts) - len(kept))
    return Side(tuple(parts), True)


def _text(shown: "Side | str") -> str:
    return shown.says if isinstance(shown, Side) else shown or "–"


def _is_options(value: Any) -> bool:
    return isinstance(value, dict) and "sealed" not in value


@dataclass(frozen=True, slots=True)
class _Shown:
    """One value in words: opened, by the name of its choice, a moment in the reader's zone."""

    place: str
    field: models.Field | None
    opens: Callable[[], bool]

    def __call__(self, value: Any) -> "Side | str":
        if value is None or value == "":
            return ""
        if isinstance(value, dict) and "sealed" in value:
            return self._opened(value)
        if value == MASK:
            return Side(says=_("hidden: secrets and content are never recorded"))
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, str):
            return self._word(value)
        if isinstance(value, int | float):
            return self._word(value)
        return json.dumps(value, ensure_ascii=False)

    def _opened(self, value: dict[str, str]) -> "Side | str":
        if not self.opens():
            return Side(says=_("personal, not shown"))
        try:
            return unsealed(value, place=self.place)
        except Unreadable:
            return Side(says=_("erased: the key of this person is destroyed"))

    def _word(self, value: Any) -> str:
        choices = dict(getattr(self.field, "flatchoices", None) or ())
        if value in choices:
            return f"{choices[value]}"
        if isinstance(self.field, models.DateTimeField) and isinstance(value, str):
            moment = parse_datetime(value) if len(value) > 15 else None
            if moment is not None and moment.tzinfo:
                return f"{date_format(localtime(moment), 'j M Y, H:i:s')} UTC"
        return str(value)


def _model(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label) if label.count(".") == 1 else None
    except LookupError:
        return None


def _field(model: type[models.Model] | None, name: str) -> models.Field | None:
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if hasattr(field, "verbose_name") else None


def _plainly(name: str) -> str:
    return capfirst(name.replace("_", " "))


def texts(line: Line) -> Iterator[str]:
    """Both sides as plain text, for files."""
    for side in (line.before, line.after):
        join = "; " if side.is_list else ""
        yield side.says or join.join(part.text for part in side.parts)
