"""Phone numbers: international, North American and national shapes, and what a word announces as a number."""

import re
from collections.abc import Iterable, Iterator

from guards.kinds.base import Span, every_match, places_of
from guards.kinds.check_digits import digits_of
from guards.normalise import View

CONTEXT = 30  # characters before a number in which a word can announce it

_EXT = r"(?: {0,2}(?:x|ext\.?|ramal) {0,2}\d{1,6})?"
_NANP_BODY = r"(?:\([2-9]\d{2}\) {0,2}-?|[2-9]\d{2}[ .-]{1,2})[2-9]\d{2}[ .-]{1,2}\d{4}"
_AFTER = r"(?!\w|[.,-]\d)"
_INTERNATIONAL = re.compile(
    rf"(?<!\+)\(?\+(?:1[ .-]?{_NANP_BODY}(?!\d)|\(?\d\)?(?:[ ().\u00b7/-]{{0,3}}\d){{6,14}}){_EXT}(?!\w)"
)
_DIALLED = re.compile(rf"(?<![\w.+-])00[1-9](?:[ ()-]{{0,2}}\d){{8,13}}{_EXT}{_AFTER}")
_NANP = re.compile(rf"(?<![\w+/-])(?<!\d\.)(?:1[ .-])?{_NANP_BODY}{_EXT}{_AFTER}")
_BRACKETED = re.compile(rf"\(0?\d{{1,4}}\)(?:[ .-]{{0,2}}\d{{2,9}}){{1,4}}{_EXT}{_AFTER}")
_TRUNK = re.compile(rf"(?<![\w.+/-])0[1-9]\d{{0,4}}(?:[ /-]{{1,2}}\d{{2,8}}){{1,4}}{_EXT}{_AFTER}")
_DOTTED = re.compile(rf"(?<![\w.+/-])0[1-9](?:\.\d{{2}}){{4}}{_AFTER}")
_ZIP = re.compile(r"\d{5}-\d{4}")
_ANY = re.compile(rf"(?<![\w+./-])(?<!\d[ ,])\(?\d(?:[ ().\u00b7-]{{0,2}}\d){{6,14}}{_EXT}{_AFTER}")
_ANNOUNCED = re.compile(
    r"\b(?:(?:tele)?phones?|tel(?:efon[eo]?)?|mobile|cell(?:phone|ular)?|call|fax|whatsapp|sms|dial|"
    r"ring|celular|handy|rufnummer|telefonnummer|movil)\b[^\d\]]{0,20}$"
)
_ANOTHER_NUMBER = re.compile(
    r"\b(?:order|invoice|ticket|case|part|serial|account|tracking|imei|isbn|id|code|codigo|pedido|"
    r"reference|ref|zip|version|sku|job|model)\b"
)


def phones(view: View) -> Iterator[Span]:
    """Places in `view.text`; shapes first, then any number that a word announces."""
    text = view.text
    starts = view.number_starts
    opened = list(places_of("(", text))
    yield from _spans(_INTERNATIONAL, text, (*opened, *places_of("+", text)), 8, 15)
    yield from _spans(_DIALLED, text, starts, 11, 15)
    yield from (found.span() for found in every_match(_NANP, text, (*opened, *starts)))
    yield from (found.span() for found in every_match(_DOTTED, text, starts))
    yield from _spans(_BRACKETED, text, opened, 7, 12)
    for found in every_match(_TRUNK, text, starts):
        plausible = found[0][-4:-3] != "-" and _ZIP.fullmatch(found[0]) is None
        if 9 <= len(_number(found[0])) <= 12 and plausible and not _is_date(found[0]):
            yield found.span()
    for found in every_match(_ANY, text, (*opened, *starts)):
        before = view.lower[max(0, found.start() - CONTEXT) : found.start()]
        announced = _ANNOUNCED.search(before)
        if announced and not _ANOTHER_NUMBER.search(announced[0]) and not _is_date(found[0]):
            yield found.span()


def _spans(
    pattern: re.Pattern[str], text: str, starts: Iterable[int], least: int, most: int
) -> Iterator[Span]:
    for found in every_match(pattern, text, starts):
        number = _number(found[0])
        if least <= len(number) <= most and len(set(number)) > 1:
            yield found.span()


def _number(text: str) -> str:
    """The digits without those of an extension."""
    return digits_of(re.split(r"[a-z]", text, maxsplit=1)[0])


_DATE = re.compile(r"\(?(?:\d{4}([-./ ])\d{1,2}\1\d{1,2}|\d{1,2}([-./ ])\d{1,2}\2\d{2,4})")


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None
