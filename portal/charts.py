"""Bars as SVG, rendered here: an axis, the highest and the last value named, gaps where nothing is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

WIDTH, HEIGHT = 320, 80  # of the drawing, in its own units
LEFT, TOP, BOTTOM, RIGHT = 2, 16, 18, 44  # room for the words around the bars
GAP = 2
Value = int | Decimal | None


@dataclass(frozen=True, slots=True)
class Series:
    """Values, oldest first, each with the label of its span; None is a gap. `shown` puts a value into words."""

    title: str
    labels: Sequence[str]
    values: Sequence[Value]
    shown: Callable[[Any], str]
    tone: str = ""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The same as a table."""
        return [
            (label, "–" if value is None else self.shown(value))
            for label, value in zip(self.labels, self.values, strict=True)
        ]

    @property
    def total(self) -> Any:
        return sum((value for value in self.values if value is not None), start=0)

    @property
    def total_shown(self) -> str:
        return self.shown(self.total)


def bars(series: Series) -> SafeString:
    """One small picture; zero is zero, the scale begins there."""
    known = [value for value in series.values if value is not None]
    most = max(known, default=0)
    floor = HEIGHT - BOTTOM
    span = (WIDTH - LEFT - RIGHT) / max(1, len(series.values))
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}: {}</title></rect>',
        (
            (
                f"{LEFT + place * span + GAP / 2:.1f}",
                f"{floor - height:.1f}",
                f"{max(1.0, span - GAP):.1f}",
                f"{height:.1f}",
                label,
                series.shown(value),
            )
            for place, (label, value) in enumerate(zip(series.labels, series.values, strict=True))
            if value is not None
            for height in [_height(value, most, floor - TOP)]
        ),
    )
    last = series.values[-1] if series.values else None
    return format_html(
        '<svg class="bars bars-{}" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>{}'
        '<text x="{}" y="11">{}</text><text x="{}" y="{}">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
        '<text class="last" x="{}" y="{}">{}</text></svg>',
        series.tone or "plain",
        *(WIDTH, HEIGHT, _in_words(series)),
        *(LEFT, floor + 0.5, WIDTH - RIGHT, floor + 0.5, drawn),
        *(LEFT, _most_in_words(series, most)),
        *(LEFT, HEIGHT - 4, series.labels[0] if series.labels else ""),
        *(WIDTH - RIGHT, HEIGHT - 4, series.labels[-1] if series.labels else ""),
        *(WIDTH - RIGHT + 4, f"{floor - _height(last or 0, most, floor - TOP) + 4:.1f}"),
        "" if last is None else series.shown(last),
    )


def _height(value: Any, most: Any, room: int) -> float:
    if not most or not value:
        return 0.0
    return max(1.5, float(value) / float(most) * room)


def _most_in_words(series: Series, most: Any) -> str:
    return _("most %s") % series.shown(most) if most else ""


def _in_words(series: Series) -> str:
    return f"{series.title}: {series.shown(series.total)}"
