"""What a guard kind is: options, and a search over one normalised text. It knows no database and no project."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.utils.translation import gettext as _

from guards.normalise import View
from guards.verdicts import Finding

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a kind, as forms show it: `shape` is number, switch, choices (of `values`) or lines of text."""

    name: str
    shape: str
    default: Any
    label: Any
    help_text: Any = ""
    values: Mapping[str, Any] = field(default_factory=dict)


class InvalidOptions(ValueError):
    """Options that a kind does not accept; `field` names the one at fault."""

    def __init__(self, field: str, words: str) -> None:
        self.field = field
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Hold:
    """How far back from the end of `view.text` the findings may still change: so many characters and whole words.

    It holds for kinds that are local: what they find at a place depends on at most `stream.CONTEXT` characters before
    it and on what follows within this distance, never on what they found elsewhere.
    """

    characters: int
    words: int = 1


class Compiled(Protocol):
    """A kind with its options, ready to search from many threads."""

    @property
    def hold(self) -> Hold | None:
        """What a stream must hold back; None: only the whole text tells."""

    def find(self, view: View) -> Iterator[Finding]:
        """Findings with offsets into the original text."""


class Kind(Protocol):
    """One file in this folder. `compile` takes any of its options by name and raises `InvalidOptions`."""

    name: str
    label: Any
    options: tuple[Option, ...]

    def compile(self, options: Mapping[str, Any]) -> Compiled: ...


def defaults_of(known: Iterable[Option]) -> dict[str, Any]:
    return {option.name: option.default for option in known}


def chosen(options: Mapping[str, Any], known: Iterable[Option]) -> dict[str, Any]:
    """The options over the defaults; raises `InvalidOptions` for a name that the kind does not have."""
    defaults = defaults_of(known)
    for name in options:
        if name not in defaults:
            raise InvalidOptions(name, _("There is no option %(name)s.") % {"name": name})
    return {**defaults, **options}


def positive(options: Mapping[str, Any], name: str) -> int:
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidOptions(name, _("%(name)s is a whole number, zero or more.") % {"name": name})
    return value


def switched(options: Mapping[str, Any], name: str) -> bool:
    value = options[name]
    if not isinstance(value, bool):
        raise InvalidOptions(name, _("%(name)s is true or false.") % {"name": name})
    return value


def chosen_of(options: Mapping[str, Any], name: str, known: Collection[str]) -> tuple[str, ...]:
    """The names chosen, in the kind's own order."""
    value = options[name]
    if (
        not isinstance(value, list)
        or not value
        or any(not isinstance(item, str) or item not in known for item in value)
    ):
        words = _("%(name)s is a list of some of %(known)s.")
        raise InvalidOptions(name, words % {"name": name, "known": ", ".join(known)})
    return tuple(item for item in known if item in value)


def every_match(
    pattern: re.Pattern[str], text: str, starts: Iterable[int] | None = None
) -> Iterator[re.Match[str]]:
    """The match at every place (of `starts`) where one begins, overlapping ones too: none depends on an earlier one."""
    if starts is not None:
        for start in starts:
            found = pattern.match(text, start)
            if found is not None:
                yield found
        return
    found = pattern.search(text)
    while found is not None:
        yield found
        found = pattern.search(text, found.start() + 1)


def places_of(character: str, text: str) -> Iterator[int]:
    place = text.find(character)
    while place >= 0:
        yield place
        place = text.find(character, place + 1)


def outermost(spans: Iterable[Span]) -> list[Span]:
    """In order, without those that lie inside another."""
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
