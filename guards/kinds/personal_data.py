"""*personal data*: e-mail, phone, card, SSN, CPF, CNPJ, IBAN and IP addresses, by shape, check digits and context."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, InvalidOptions, known_only
from guards.normalise import View
from guards.verdicts import Finding

Span = tuple[int, int]

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
SEVERITY = {"credit_card": "high", "ssn": "high", "iban": "high", "cpf": "high", "cnpj": "medium"}
CONTEXT = 40  # characters before a number in which its name counts

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![\w-])"
)
_CARD = re.compile(r"(?<![\d.,/-])(?<!\d )\d(?:[ -]?\d){12,18}(?![\d])")
_SSN = re.compile(r"(?<![\d.-])(\d{3})([ .-]?)(\d{2})\2(\d{4})(?![\d-]|\.\d)")
_CPF = re.compile(r"(?<![\d./-])\d{3}[. ]?\d{3}[. ]?\d{3}[-. /]?\d{2}(?![\d/-])")
_CNPJ = re.compile(r"(?<![\d./-])\d{2}[. ]?\d{3}[. ]?\d{3}[/ ]?\d{4}[- ]?\d{2}(?![\d-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_IPV4 = re.compile(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d]|\.\d)"
)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+|\(\+?)?\d[\d ().\u00b7/-]{4,22}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w])"
)
_NANP = re.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
)
_PHONE_WORD = re.compile(
    r"(?:phone|tel(?:efon[eo]?)?|telephone|mobile|cell|call|fax|whatsapp|sms|dial|contact|reach|ring|text me|celular|handy|rufnummer|nummer)\W{0,3}",
)
_VERSION = re.compile(
    r"(?:\bv|version|release|build|firmware|section|chapter|kernel|python|node)\s?[:=]?\s?$"
)

IBAN_LENGTHS = {
    **dict(AD=24, AE=23, AL=28, AT=20, AZ=28, BA=20, BE=16, BG=22, BH=22, BR=29, BY=28, CH=21),
    **dict(CR=22, CY=28, CZ=24, DE=22, DK=18, DO=28, EE=20, EG=29, ES=24, FI=18, FO=18, FR=27),
    **dict(GB=22, GE=22, GI=23, GL=18, GR=27, GT=28, HR=21, HU=28, IE=22, IL=23, IQ=23, IS=26),
    **dict(IT=27, JO=30, KW=30, KZ=20, LB=28, LC=32, LI=21, LT=20, LU=20, LV=21, MC=27, MD=24),
    **dict(ME=22, MK=19, MR=27, MT=31, MU=30, NL=18, NO=15, PK=24, PL=28, PS=29, PT=25, QA=29),
    **dict(RO=24, RS=22, SA=24, SC=31, SE=24, SI=19, SK=24, SM=27, TN=24, TR=26, UA=29, VA=22),
    **dict(VG=24, XK=20),
}


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _before(view: View, start: int) -> str:
    return view.lower[max(0, start - CONTEXT) : start]


def luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _mod11(digits: str, weights: range | list[int]) -> int:
    rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
    return 0 if rest < 2 else 11 - rest


def valid_cpf(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    return _mod11(digits, range(10, 1, -1)) == int(digits[9]) and _mod11(
        digits, range(11, 1, -1)
    ) == int(digits[10])


def valid_cnpj(digits: str) -> bool:
    weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    if len(set(digits)) == 1:
        return False
    return _mod11(digits, weights[1:]) == int(digits[12]) and _mod11(digits, weights) == int(
        digits[13]
    )


def emails(view: View) -> Iterator[Span]:
    if "@" in view.text:
        for found in _EMAIL.finditer(view.text):
            start, end = found.span()
            start += len(found[0]) - len(found[0].lstrip(".'-%"))
            yield start, end


def ibans(view: View) -> Iterator[Span]:
    for found in _IBAN.finditer(view.text):
        length = IBAN_LENGTHS.get(found[0][:2].upper())
        if length is None:
            continue
        taken = [i for i, c in enumerate(found[0]) if c.isalnum()][:length]
        compact = "".join(found[0][i] for i in taken).upper()
        end = found.start() + taken[-1] + 1
        if len(compact) < length or view.text[end : end + 1].isalnum():
            continue
        number = "".join(str(int(c, 36)) for c in compact[4:] + compact[:4])
        if int(number) % 97 == 1:
            yield found.start(), end


def cards(view: View) -> Iterator[Span]:
    for found in _CARD.finditer(view.text):
        digits = _digits(found[0])
        if digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits) and _issued(digits):
            yield found.span()


def _issued(digits: str) -> bool:
    """Whether a network issues numbers of this beginning and length (ISO/IEC 7812 ranges in public use)."""
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if two in (30, 36, 38, 39):
        return length in (14, 16)
    if two == 35:
        return length in (15, 16, 17, 18, 19)
    return (two in (50, *range(56, 70))) and 13 <= length <= 19


def _named(view: View, start: int, *names: str) -> bool:
    before = _before(view, start)
    return any(
        re.search(rf"\b{name}\b", before) for name in names if name.split(r"\b")[0][:3] in before
    )


def ssns(view: View) -> Iterator[Span]:
    for found in _SSN.finditer(view.text):
        area, separator, group, serial = found.groups()
        named = _named(view, found.start(), "ssn", "social security", "social")
        shaped = separator in ("-", " ") and area not in ("000", "666") and area[0] != "9"
        if (shaped and group != "00" and serial != "0000") or named:
            yield found.span()


def cpfs(view: View) -> Iterator[Span]:
    for found in _CPF.finditer(view.text):
        if valid_cpf(_digits(found[0])) or _named(view, found.start(), "cpf"):
            yield found.span()


def cnpjs(view: View) -> Iterator[Span]:
    for found in _CNPJ.finditer(view.text):
        if valid_cnpj(_digits(found[0])) or _named(view, found.start(), "cnpj"):
            yield found.span()


def addresses(view: View) -> Iterator[Span]:
    text = view.text
    if text.count(".") >= 3:
        for found in _IPV4.finditer(text):
            if not _VERSION.search(_before(view, found.start())):
                yield found.span()
    if text.count(":") >= 2:
        for found in _IPV6.finditer(text):
            candidate = found[0].rstrip(":") if not found[0].endswith("::") else found[0]
            if candidate.count(":") >= 2 and len(candidate) > 3:
                try:
                    ipaddress.IPv6Address(candidate)
                except ValueError:
                    continue
                yield found.start(), found.start() + len(candidate)


def phones(view: View) -> Iterator[Span]:
    """International with +, North American by shape, anything phone-like after a word that announces a number."""
    for found in _PHONE.finditer(view.text):
        text = found[0].rstrip(" (.-/")
        digits = _digits(re.split(r"\s?(?:x|ext)", text)[0])
        if not 7 <= len(digits) <= 15 or len(set(digits)) == 1 or _is_date(text):
            continue
        international = text.startswith(("+", "(+", "00")) and len(digits) >= 8
        announced = _PHONE_WORD.search(_before(view, found.start())) is not None
        grouped = bool(_NANP.fullmatch(text)) or _looks_national(text, digits)
        if international or grouped or (announced and _not_a_sum(text)):
            yield found.start(), found.start() + len(text)


def _looks_national(text: str, digits: str) -> bool:
    """A leading zero or a bracketed area code, and separators between groups."""
    groups = [g for g in re.split(r"[^\d]+", text) if g]
    if text.startswith("(") and ")" in text:
        return 7 <= len(digits) <= 12 and len(groups) >= 2
    return text.startswith("0") and 9 <= len(digits) <= 12 and 2 <= len(groups) <= 5


def _is_date(text: str) -> bool:
    return (
        re.fullmatch(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}", text)
        is not None
    )


def _not_a_sum(text: str) -> bool:
    return re.fullmatch(r"\d{1,3}(?:\.\d+)?", text) is None


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


HOLD = Hold(characters=80, words=2)  # numbers in groups, and the whole word of an address


@dataclass(frozen=True, slots=True)
class _Compiled:
    categories: tuple[str, ...]
    hold: Hold | None = HOLD

    def find(self, view: View) -> Iterator[Finding]:
        taken: list[Span] = []
        has_digit = any(c.isdigit() for c in view.text)
        for category, finder in FINDERS.items():
            if category not in self.categories or not (has_digit or category in ("email", "ip")):
                continue
            for start, end in finder(view):
                if any(start < other[1] and other[0] < end for other in taken):
                    continue
                taken.append((start, end))
                yield Finding(
                    "personal_data",
                    category,
                    SEVERITY.get(category, "medium"),
                    *view.place(start, end),
                    REPLACEMENTS[category],
                )


class PersonalData:
    """Redacts by default; the categories may be narrowed."""

    name = "personal_data"
    label = _("personal data")
    defaults: Mapping[str, Any] = {"categories": list(FINDERS)}

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        chosen = known_only(options, self.defaults)["categories"]
        if not isinstance(chosen, list) or not chosen or set(chosen) - set(FINDERS):
            raise InvalidOptions("categories", f"Some of {', '.join(FINDERS)}.")
        return _Compiled(tuple(chosen))
