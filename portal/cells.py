"""How one value is shown in lists, forms and figures: times, chips, numbers, money, ids. All safe HTML."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

NOTHING = format_html('<span class="quiet">{}</span>', "–")
TONES = ("good", "warn", "bad", "shade")


def icon(name: str) -> SafeString:
    """A symbol of `static/icons.svg`; the words beside it say what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


def when(moment: datetime | None) -> SafeString:
    """Relative, with the exact time in the title; `console.js` puts the title into the reader's zone."""
    if moment is None:
        return NOTHING
    moment = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        f"{date_format(moment, 'j M Y, H:i:s')} {moment.tzname()}",
        relative(moment),
    )


def relative(moment: datetime) -> str:
    """ "just now", "5 min ago", "3 h ago", "2 days ago"; beyond a week the date. The future likewise: "in 3 h"."""
    passed = timezone.now() - moment
    words = _distance(abs(passed))
    if words is None:
        return date_format(timezone.localtime(moment), "j M Y")
    if not words:
        return _("just now")
    return (_("%s ago") if passed > timedelta(0) else _("in %s")) % words


def _distance(span: timedelta) -> str | None:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return ""
    if minutes < 60:
        return ngettext("%d min", "%d min", minutes) % minutes
    if minutes < 24 * 60:
        return ngettext("%d h", "%d h", minutes // 60) % (minutes // 60)
    days = span.days
    return ngettext("%d day", "%d days", days) % days if days <= 7 else None


def chip(words: Any, tone: str = "", symbol: str = "") -> SafeString:
    """A word in a tinted chip; `tone` is one of TONES or empty, never the only sign of what it says."""
    mark = icon(symbol) if symbol else ""
    kind = f"chip chip-{tone}" if tone in TONES else "chip"
    return format_html('<span class="{}">{}{}</span>', kind, mark, words)


def number(value: int | None, *, about: bool = False) -> SafeString:
    """With thin thousands; `about` marks an estimate."""
    if value is None:
        return NOTHING
    return format_html('<span class="num">{}{}</span>', "≈ " if about else "", f"{value:,}")


def money(value: Decimal | None) -> str:
    """USD: two places from a cent on, six below it; None is unknown, never 0."""
    if value is None:
        return _("unknown")
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= Decimal("0.01") else f"${value:.6f}".rstrip("0")


def usd(value: Decimal | None) -> SafeString:
    return format_html('<span class="num">{}</span>', money(value))


def duration(milliseconds: int | None) -> SafeString:
    """ "340 ms", "1.2 s", "2 min 5 s"."""
    if milliseconds is None:
        return NOTHING
    return format_html('<span class="num">{}</span>', span_of(milliseconds))


def span_of(milliseconds: int) -> str:
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds // 60_000} min {milliseconds % 60_000 // 1000} s"


def identifier(text: str) -> SafeString:
    """In mono, with a button that copies it where scripts run."""
    if not text:
        return NOTHING
    return format_html(
        '<span class="copied"><code>{}</code><button type="button" class="copy" data-copy="{}" hidden>{}</button></span>',
        text,
        text,
        _("Copy"),
    )


def switch(on: bool) -> SafeString:
    """Active or switched off, as a chip."""
    return chip(_("active"), "good", "check") if on else chip(_("off"), "", "stop")


def acted_by(admin: Any) -> SafeString:
    """Behind a person's name: which platform admin acted in it, if one did."""
    if admin is None:
        return SafeString("")
    return format_html(" <strong>{}</strong>", _("by %(admin)s") % {"admin": admin})
