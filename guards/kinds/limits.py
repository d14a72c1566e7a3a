"""*limits*: length, links and phone numbers of one text."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, Option, chosen, positive
from guards.kinds.personal_data import PersonalData
from guards.normalise import View
from guards.verdicts import Finding

_URL = re.compile(r"https?://[^\s<>\"']{1,2000}|\bwww\.[^\s<>\"']{1,2000}")

_PHONES = PersonalData().compile({"categories": ["phone"]})


@dataclass(frozen=True, slots=True)
class _Compiled:
    max_characters: int
    max_urls: int
    max_phones: int
    hold: Hold | None = None  # a count is known at the end only

    def find(self, view: View) -> Iterator[Finding]:
        if view.length > self.max_characters:
            yield self._finding("length", self.max_characters, view.length)
        if "://" in view.text or "www." in view.lower:
            urls = list(_URL.finditer(view.lower))
            if len(urls) > self.max_urls:
                start, end = view.place(*urls[self.max_urls].span())
                yield self._finding("urls", start, end)
        if len(view.number_starts) <= self.max_phones:
            return
        numbers = sorted((f.start, f.end) for f in _PHONES.find(view))
        if len(numbers) > self.max_phones:
            yield self._finding("phones", *numbers[self.max_phones])

    def _finding(self, category: str, start: int, end: int) -> Finding:
        return Finding("limits", category, "medium", start, end)


class Limits:
    """At most 8,192 characters, 5 URLs and 3 phone numbers (figures of the product page)."""

    name = "limits"
    label = _("limits")
    options: tuple[Option, ...] = (
        Option("max_characters", "number", 8192, _("Characters"), _("At most so many.")),
        Option("max_urls", "number", 5, _("Links"), _("At most so many.")),
        Option("max_phones", "number", 3, _("Phone numbers"), _("At most so many.")),
    )

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        values = chosen(options, self.options)
        return _Compiled(
            max_characters=positive(values, "max_characters"),
            max_urls=positive(values, "max_urls"),
            max_phones=positive(values, "max_phones"),
        )
