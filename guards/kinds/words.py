"""*words*: an organisation's own terms and regular expressions, matched in linear time by RE2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, InvalidOptions, Option, chosen, outermost
from guards.normalise import View, view_of
from guards.verdicts import Finding

MAX_ENTRIES = 1000
MAX_LENGTH = 500
_EDGE = r"[^\pL\pN_]"

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@dataclass(frozen=True, slots=True)
class _Compiled:
    terms: tuple[Any, ...]
    patterns: tuple[Any, ...]
    hold: Hold | None

    def find(self, view: View) -> Iterator[Finding]:
        spans = outermost(span for terms in self.terms for span in _places(terms, view.lower))
        for span in spans:
            yield Finding("words", "term", "medium", *view.place(*span))
        for pattern in self.patterns:
            for found in pattern.finditer(view.text):
                if found.end() > found.start():
                    yield Finding("words", "pattern", "medium", *view.place(*found.span()))


def _places(terms: Any, text: str) -> Iterator[tuple[int, int]]:
    """Places of terms, overlapping ones too, so that none depends on an earlier one. Searched as UTF-8."""
    data = text.encode("utf-8", "replace")
    found = terms.search(data)
    before, position = 0, 0  # so many bytes are so many characters
    while found is not None:
        start, end = found.span(1)
        position += len(data[before:start].decode())
        before = start
        length = len(data[start:end].decode())
        yield position, position + length
        found = terms.search(data, start + 1)


class Words:
    """`terms` are whole words or phrases, whatever their case; `patterns` are RE2 expressions."""

    name = "words"
    label = _("words")
    options: tuple[Option, ...] = (
        Option(
            "terms",
            "lines",
            [],
            _("Terms"),
            _("One word or phrase a line. Found as whole words, in capitals or not."),
        ),
        Option(
            "patterns",
            "lines",
            [],
            _("Regular expressions"),
            _(
                "One a line, in RE2's syntax: no look-around and no back-references, so none can run away. "
                "(?i) at the beginning ignores capitals. On answers they need the whole text: nothing streams "
                "before the end."
            ),
        ),
    )

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        values = chosen(options, self.options)
        terms = {view_of(term).lower.strip() for term in _texts(values, "terms")} - {""}
        expressions = tuple(
            _expression("terms", joined, gettext("These terms together"))
            for joined in _joined(terms)
        )
        patterns = _texts(values, "patterns")
        compiled = tuple(
            _expression("patterns", text, gettext("Entry %d") % number)
            for number, text in enumerate(patterns, 1)
        )
        hold = None if compiled else Hold(max((len(term) for term in terms), default=0) + 2)
        return _Compiled(expressions, compiled, hold)


def _joined(terms: set[str]) -> Iterator[str]:
    """Expressions whose group 1 is a term: a whole word, at those of its ends that are letters or digits."""
    for opens in (True, False):
        for closes in (True, False):
            alike = [t for t in terms if t[0].isalnum() is opens and t[-1].isalnum() is closes]
            if alike:
                longest_first = sorted(alike, key=lambda term: (-len(term), term))
                before = rf"(?:\A|{_EDGE})" if opens else ""
                after = rf"(?:\z|{_EDGE})" if closes else ""
                yield f"{before}({'|'.join(re2.escape(term) for term in longest_first)}){after}"


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    value = options[name]
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        text = gettext("%(name)s is a list of at most %(count)d texts.")
        raise InvalidOptions(name, text % {"name": name, "count": MAX_ENTRIES})
    for number, item in enumerate(value, 1):
        if not isinstance(item, str) or not 0 < len(item) <= MAX_LENGTH:
            text = gettext("Entry %(number)d is not a text of 1 to %(length)d characters.")
            raise InvalidOptions(name, text % {"number": number, "length": MAX_LENGTH})
    return value


def _expression(field: str, pattern: str, what: str) -> Any:
    """The pattern ready to search; raises `InvalidOptions` that says `what` RE2 refuses, and why."""
    try:
        return re2.compile(pattern, _OPTIONS)
    except UnicodeEncodeError:
        reason = gettext("not valid Unicode")
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
    refusal = gettext("%(what)s: no linear-time expression (%(reason)s).")
    raise InvalidOptions(field, refusal % {"what": what, "reason": reason})
