"""*prompt injection*: rules for five categories over the normalised text and over the texts that it hides."""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import re2
from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, Option, Span, chosen, chosen_of
from guards.kinds.injection_rules import RULES, SEVERITY
from guards.normalise import View, view_of
from guards.verdicts import Finding

_OPTIONS = re2.Options()
_OPTIONS.max_mem = 64 << 20
_OPTIONS.never_capture = True
_COMPILED = {
    category: re2.compile("|".join(f"(?:{pattern})" for pattern in patterns), _OPTIONS)
    for category, patterns in RULES.items()
}
_BASE64 = re2.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}", _OPTIONS)
_HEX = re2.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2} ?){16,}", _OPTIONS)
_SPACED = re2.compile(r"(?:\b[A-Za-z0-9][ .\-_*]{1,3}){8,}[A-Za-z0-9]\b", _OPTIONS)
_CUES = re2.compile(
    r"ignor|disregard|forget|overrid|bypass|instruct|prompt|pretend|jailbr|restrict|rules|unfilter|system",
    _OPTIONS,
)
_LEET_DIGIT = re.compile(r"[a-z][013457][a-z]")
_LEET = str.maketrans("013457@$", "oleastas")
_LEET_I = _LEET | {ord("1"): "i"}
_BLANKS = re.compile(r"[ \t\n]{2,}|\n|\t")


def _readable(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.replace("\n", "").isprintable() else ""


def _of_base64(coded: str) -> str:
    plain = coded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except binascii.Error:
        return ""


def _of_hex(coded: str) -> str:
    digits = re.sub(r"0x|\\x| ", "", coded)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _of_spaced(coded: str) -> str:
    """Letters one by one: wider gaps part the words."""
    words = re.split(r" {2,3}| [.\-_*] ", coded.strip())
    return " ".join(re.sub(r"[ .\-_*]", "", word) for word in words)


_CODES: tuple[tuple[Any, Callable[[str], str]], ...] = (
    (_BASE64, _of_base64),
    (_HEX, _of_hex),
    (_SPACED, _of_spaced),
)


def _of_tags(original: str) -> str:
    """Unicode's invisible tag characters are ASCII in disguise."""
    return "".join(chr(ord(c) - 0xE0000) for c in original if 0xE0020 <= ord(c) <= 0xE007E)


def _hidden(view: View) -> Iterator[tuple[View, Span]]:
    """Texts inside the text, each with the stretch of the original that hides it."""
    text, lower = view.text, view.lower
    for pattern, decoded in _CODES:
        for found in pattern.finditer(text):
            inner = decoded(found[0])
            if inner:
                yield view_of(inner), view.place(*found.span())
    whole = (0, view.length)
    if not view.original.isascii():
        tags = _of_tags(view.original)
        if tags:
            yield view_of(tags), whole
    others = set()
    if _CUES.search(lower):
        others.add(_BLANKS.sub(" ", lower))
    if _LEET_DIGIT.search(lower):
        others.add(lower.translate(_LEET))
        others.add(lower.translate(_LEET_I))
    if "&#" in text or "&lt" in text:
        others.add(html.unescape(text).lower())
    if text.count("%") >= 3:
        others.add(unquote(text, errors="replace").replace("+", " ").lower())
    if any(word in lower for word in ("vtaber", "flfgrz", "cebzcg", "vafgehpg", "qvfertneq")):
        others.add(codecs.encode(lower, "rot13"))
    if any(word in lower for word in ("erongi", "tpmorp", "snoitcurtsni", "metsys", "tegrof")):
        others.add(lower[::-1])
    for other in sorted(others - {lower}):
        yield view_of(other), whole


@dataclass(frozen=True, slots=True)
class _Compiled:
    categories: tuple[str, ...]
    hold: Hold | None = None  # a hidden text may be as long as the whole

    def find(self, view: View) -> Iterator[Finding]:
        seen = set()
        for category, span in self._matches(view):
            seen.add(category)
            yield self._finding(category, *view.place(*span))
        for hidden, place in _hidden(view):
            for category in {category for category, _span in self._matches(hidden)} - seen:
                seen.add(category)
                yield self._finding(category, *place)

    def _matches(self, view: View) -> Iterator[tuple[str, Span]]:
        text: str | bytes = view.lower
        for category in self.categories:
            for found in _COMPILED[category].finditer(text):
                yield category, found.span()

    def _finding(self, category: str, start: int, end: int) -> Finding:
        return Finding("prompt_injection", category, SEVERITY[category], start, end)


class PromptInjection:
    """System override, role hijack, jailbreak (high), delimiter injection, instruction leak (medium)."""

    name = "prompt_injection"
    label = _("prompt injection")
    options: tuple[Option, ...] = (
        Option(
            "categories",
            "choices",
            list(RULES),
            _("Categories"),
            _("On answers this kind needs the whole text: nothing streams before the end."),
            {
                "system_override": _("system override (high)"),
                "role_hijack": _("role hijack (high)"),
                "jailbreak": _("jailbreak (high)"),
                "delimiter_injection": _("delimiter injection (medium)"),
                "instruction_leak": _("instruction leak (medium)"),
            },
        ),
    )

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        return _Compiled(chosen_of(chosen(options, self.options), "categories", RULES))
