"""*personal data*: e-mail, phone, card, SSN, CPF, CNPJ, IBAN and IP addresses, by shape, check digits and context.

Every finder is local: what it finds depends on a bounded stretch around the place and not on what it found before,
so that an answer in pieces and a whole one have the same findings.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, Option, Span, chosen, chosen_of, every_match, outermost
from guards.kinds.check_digits import (
    IBAN_LENGTHS,
    digits_of,
    luhn,
    valid_card,
    valid_cnpj,
    valid_cpf,
    valid_iban,
)
from guards.kinds.phones import phones
from guards.normalise import View
from guards.verdicts import Finding

REPLACEMENTS = {
    "email": "[EMAIL_REDACTED]",
    "phone": "[PHONE_REDACTED]",
    "credit_card": "[CC_REDACTED]",
    "ssn": "[SSN_REDACTED]",
    "cpf": "[CPF_REDACTED]",
    "cnpj": "[CNPJ_REDACTED]",
    "iban": "[IBAN_REDACTED]",
    "ip": "[IP_REDACTED]",
}
SEVERITY = {"credit_card": "high", "ssn": "high", "iban": "high", "cpf": "high"}
SHORTEST_CARD = 13  # digits
CONTEXT = 40  # characters before a number in which its name counts

_DASH = r"(?: ?- ?)"
_EMAIL = re.compile(
    r"(?<![\w.+%'-])[\w%+][\w.%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}([A-Za-z]{2,24})(?!\w|-\w)"
)
_NOT_DOMAINS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "css",
        "js",
        "html",
        "pdf",
        "txt",
        "json",
        "xml",
        "yaml",
        "exe",
    ]
)
_DOT = r"(?: {0,2}[\[({<](?:dot|ponto|punto|\.)[\])}>] {0,2}| {1,2}(?:dot|ponto|punto|punkt) {1,2})"
_SPELLED_AT = r"(?: {0,2}[\[({<](?:at|arroba|@)[\])}>] {0,2}| {1,2}(?:at|arroba) {1,2})"
_SPELLED = re.compile(
    rf"(?<![\w.+%'-])[\w%+][\w.%+'-]{{0,63}}(?:{_SPELLED_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,1}}{_DOT}[a-z]{{2,10}}"
    rf"|{_SPELLED_AT}[\w-]{{1,63}}\.[a-z]{{2,10}})(?![\w@-])"
)
_GROUPED_CARDS = tuple(
    re.compile(rf"(?<![\w-])(?<!\d\.){body}(?!\d)")
    for body in (
        r"\d{4}([ -]{1,2})\d{4}\1\d{4}\1\d{4}",
        r"\d{4}([ -]{1,2})\d{4}\1\d{4}\1\d{4}\1\d{3}",
        r"\d{4}([ -]{1,2})\d{6}\1\d{4,5}",
        r"\d{13,19}",
    )
)
_LOOSE_CARD = re.compile(r"(?<![\w-])(?<!\d\.)\d(?:[ -]?\d){12,18}(?!\d)")
_SHORT_CARD = re.compile(r"(?<![\w.-])(?:50|5[6-9]|6\d)\d{10}(?![\w-])")
_CARD_NAME = re.compile(r"(?<![a-z])(?:card|cc|maestro|debit|credit)(?![a-z])[^\d\]]{0,20}$")
_SSN = re.compile(rf"(?<![\w.-])(\d{{3}})({_DASH}|[ .])?(\d{{2}})(?(2)\2)(\d{{4}})(?![\w-]|\.\d)")
_CPF = re.compile(r"(?<![\w./-])\d{3}[. ]?\d{3}[. ]?\d{3}(?: ?[-/] ?|[. ])?\d{2}(?![\w/-])")
_CNPJ = re.compile(r"(?<![\w./-])\d{2}[. ]?\d{3}[. ]?\d{3} ?/? ?\d{4}(?: ?- ?| )?\d{2}(?![\w-])")
_IBAN_DIGITS = re.compile(r"\d{2}(?<=[A-Za-z]{2}\d{2})(?<![A-Za-z0-9][A-Za-z]{2}\d{2})")
_IBAN_REST = re.compile(r"(?:[ -]{0,2}[A-Za-z0-9]){11,28}")
_IPV4 = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)"
)
_IPV6 = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?<!\d\d\d\d\d)(?:(?:\.\d{1,3}){3})?(?![\w:]|\.\d)"
)
_VERSION = re.compile(
    r"(?:\bv|version|release|build|firmware|section|chapter|kernel|python|node)\s?[:=]?\s?$"
)
_SSN_NAME = re.compile(r"(?<![a-z])(?:ssns?|social(?: security)?)(?![a-z]|_r)[^\d\]]{0,30}$")
_CPF_NAME = re.compile(r"(?<![a-z])cpfs?(?![a-z]|_r)[^\d\]]{0,30}$")
_CNPJ_NAME = re.compile(r"(?<![a-z])cnpjs?(?![a-z]|_r)[^\d\]]{0,30}$")


def _named(view: View, start: int, name: re.Pattern[str]) -> bool:
    return name.search(view.lower[max(0, start - CONTEXT) : start]) is not None


def emails(view: View) -> Iterator[Span]:
    if "@" in view.text:
        for found in every_match(_EMAIL, view.text):
            if found[1].lower() not in _NOT_DOMAINS:
                yield found.span()
    if any(
        word in view.lower for word in (" dot", " ponto", " punto", " punkt", "at]", "at)", "@]")
    ):
        for found in every_match(_SPELLED, view.lower):
            yield found.span()


def ibans(view: View) -> Iterator[Span]:
    for found in every_match(_IBAN_DIGITS, view.text):
        start = found.start() - 2
        length = IBAN_LENGTHS.get(view.text[start : start + 2].upper())
        rest = _IBAN_REST.match(view.text, found.end()) if length else None
        if length is None or rest is None:
            continue
        taken = [i for i, c in enumerate(rest[0]) if c.isalnum()][: length - 4]
        end = found.end() + taken[-1] + 1
        compact = (view.text[start : found.end()] + "".join(rest[0][i] for i in taken)).upper()
        if (
            len(compact) == length
            and not view.text[end : end + 1].isalnum()
            and valid_iban(compact)
        ):
            yield start, end


def cards(view: View) -> Iterator[Span]:
    for pattern in _GROUPED_CARDS:
        for found in every_match(pattern, view.text, view.number_starts):
            if valid_card(digits_of(found[0])):
                yield found.span()
    for found in every_match(_LOOSE_CARD, view.text, view.number_starts):
        for end in _group_ends(found[0]):
            if valid_card(digits_of(found[0][:end])):
                yield found.start(), found.start() + end
                break
    for found in every_match(_SHORT_CARD, view.text, view.number_starts):
        if luhn(found[0]) and _named(view, found.start(), _CARD_NAME):
            yield found.span()


def _group_ends(text: str) -> Iterator[int]:
    """Where a run of groups may end, longest first: what follows a card may be another number."""
    yield len(text)
    for place in range(len(text) - 1, SHORTEST_CARD - 1, -1):
        if text[place] in " -":
            yield place


def ssns(view: View) -> Iterator[Span]:
    for found in every_match(_SSN, view.text, view.number_starts):
        area, separator, group, serial = found.groups()
        possible = area not in ("000", "666") and area[0] != "9"
        possible = possible and group != "00" and serial != "0000"
        shaped = separator is not None and separator != "."
        if (shaped and possible) or _named(view, found.start(), _SSN_NAME):
            yield found.span()


def cpfs(view: View) -> Iterator[Span]:
    for found in every_match(_CPF, view.text, view.number_starts):
        if valid_cpf(digits_of(found[0])) or _named(view, found.start(), _CPF_NAME):
            yield found.span()


def cnpjs(view: View) -> Iterator[Span]:
    for found in every_match(_CNPJ, view.text, view.number_starts):
        if valid_cnpj(digits_of(found[0])) or _named(view, found.start(), _CNPJ_NAME):
            yield found.span()


def addresses(view: View) -> Iterator[Span]:
    text = view.text
    if text.count(".") >= 3:
        for found in every_match(_IPV4, text, view.number_starts):
            if not _named(view, found.start(), _VERSION):
                yield found.span()
    if "::" in text or text.count(":") >= 6:
        for found in every_match(_IPV6, text):
            candidate = found[0].rstrip(":") if not found[0].endswith("::") else found[0]
            if candidate.count(":") >= 2 and len(candidate) > 3:
                try:
                    ipaddress.IPv6Address(candidate)
                except ValueError:
                    continue
                yield found.start(), found.start() + len(candidate)


# In order of trust: what belongs to a number found further up belongs to no other.
FINDERS: dict[str, Callable[[View], Iterator[Span]]] = {
    "email": emails,
    "iban": ibans,
    "credit_card": cards,
    "cnpj": cnpjs,
    "ip": addresses,
    "ssn": ssns,
    "cpf": cpfs,
    "phone": phones,
}
_NEED_DIGITS = frozenset(FINDERS) - {"email", "iban", "ip"}

HOLD = Hold(characters=160, words=8)  # groups of digits; the words of an address spelled out


@dataclass(frozen=True, slots=True)
class _Compiled:
    categories: tuple[str, ...]
    hold: Hold | None = HOLD

    def find(self, view: View) -> Iterator[Finding]:
        for category, start, end in self.spans(view):
            yield Finding(
                "personal_data",
                category,
                SEVERITY.get(category, "medium"),
                *view.place(start, end),
                REPLACEMENTS[category],
            )

    def spans(self, view: View) -> list[tuple[str, int, int]]:
        """(category, start, end) in `view.text`. All categories are looked for: a CPF is no phone, wanted or not."""
        everything = view.memo.get("personal_data")
        if everything is None:
            everything = view.memo["personal_data"] = list(_everything(view))
        return [found for found in everything if found[0] in self.categories]


def _everything(view: View) -> Iterator[tuple[str, int, int]]:
    """Each category is looked for in what those before it left."""
    for category, finder in FINDERS.items():
        if category in _NEED_DIGITS and not view.number_starts:
            continue
        spans = outermost(finder(view))
        for start, end in spans:
            yield category, start, end
        if spans:
            view = view.without(spans)


class PersonalData:
    """Redacts by default; the categories may be narrowed."""

    name = "personal_data"
    label = _("personal data")
    options: tuple[Option, ...] = (
        Option(
            "categories",
            "choices",
            list(FINDERS),
            _("Categories"),
            _("What is not ticked is neither found nor redacted."),
            {
                "email": _("e-mail address"),
                "iban": _("IBAN"),
                "credit_card": _("payment card"),
                "cnpj": _("CNPJ"),
                "ip": _("IP address"),
                "ssn": _("US social security number"),
                "cpf": _("CPF"),
                "phone": _("phone number"),
            },
        ),
    )

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        return _Compiled(chosen_of(chosen(options, self.options), "categories", FINDERS))
