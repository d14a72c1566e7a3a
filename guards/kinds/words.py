"""*words*: an organisation's own terms and regular expressions, matched in linear time by RE2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2
from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, InvalidOptions, known_only
from guards.normalise import View, view_of
from guards.verdicts import Finding

MAX_ENTRIES = 1000
MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class _Compiled:
    terms: Any
    patterns: tuple[Any, ...]
    hold: Hold | None

    def find(self, view: View) -> Iterator[Finding]:
        if self.terms is not None:
            for found in self.terms.finditer(view.lower):
                yield Finding("words", "term", "medium", *view.place(*found.span()))
        for pattern in self.patterns:
            for found in pattern.finditer(view.text):
                if found.end() > found.start():
                    yield Finding("words", "pattern", "medium", *view.place(*found.span()))


class Words:
    """`terms` are whole words or phrases, whatever their case; `patterns` are RE2 expressions."""

    name = "words"
    label = _("words")
    defaults: Mapping[str, Any] = {"terms": [], "patterns": []}

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        chosen = known_only(options, self.defaults)
        terms = [view_of(term).lower.strip() for term in _texts(chosen, "terms")]
        joined = "|".join(_bounded(term) for term in sorted(terms, key=len, reverse=True) if term)
        compiled = tuple(_expression(pattern) for pattern in _texts(chosen, "patterns"))
        hold = None if compiled else Hold(max((len(term) for term in terms), default=0) + 1)
        return _Compiled(re2.compile(joined) if joined else None, compiled, hold)


def _bounded(term: str) -> str:
    """The term as a whole word, where its ends are letters or digits."""
    before = r"\b" if term[0].isalnum() else ""
    after = r"\b" if term[-1].isalnum() else ""
    return before + re2.escape(term) + after


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    value = options[name]
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise InvalidOptions(name, f"{name} is a list of at most {MAX_ENTRIES} texts.")
    if not all(isinstance(item, str) and 0 < len(item) <= MAX_LENGTH for item in value):
        raise InvalidOptions(name, f"Each of {name} is a text of at most {MAX_LENGTH} characters.")
    return value


def _expression(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise InvalidOptions("patterns", f"Not a linear-time expression: {error}") from None
