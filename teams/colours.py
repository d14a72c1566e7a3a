"""A team's accent: the colours that follow from it, and whether they can be read. WCAG 2.2, success criterion 1.4.3."""

import re
from dataclasses import dataclass

HEX = re.compile(r"#[0-9a-f]{6}")
READABLE = 4.5  # contrast of text, level AA
# What an accent stands on, as in static/css/tokens.css: paper, raised, sunken.
LIGHT = ("#faf9f7", "#ffffff", "#f1efea")
DARK = ("#171614", "#201f1c", "#110f0e")
ON_ACCENT = ("#ffffff", "#06201e")


@dataclass(frozen=True, slots=True)
class Palette:
    """The four tokens that an accent sets, each as #rrggbb."""

    accent: str
    accent_strong: str
    accent_soft: str
    on_accent: str


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(one: str, other: str, share: float) -> str:
    """`share` of the second colour in the first."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def palette(accent: str, *, dark: bool) -> Palette:
    """All that follows from an accent on the light or the dark papers."""
    papers = DARK if dark else LIGHT
    return Palette(
        accent=accent,
        accent_strong=mixed(accent, "#ffffff" if dark else "#000000", 0.25),
        accent_soft=mixed(papers[0], accent, 0.14 if dark else 0.1),
        on_accent=max(ON_ACCENT, key=lambda ink: contrast(ink, accent)),
    )


def worst_contrast(accent: str, *, dark: bool) -> float:
    """The least contrast that text in this accent, or on it, has anywhere on our pages."""
    found = palette(accent, dark=dark)
    return min(
        *(contrast(found.accent, paper) for paper in (DARK if dark else LIGHT)),
        *(contrast(found.accent_strong, paper) for paper in (DARK if dark else LIGHT)),
        contrast(found.accent_strong, found.accent_soft),
        contrast(found.on_accent, found.accent),
        contrast(found.on_accent, found.accent_strong),
    )


def lightened(accent: str) -> str:
    """The accent for the dark pages, where none was chosen: mixed with white until it can be read."""
    for step in range(20):
        candidate = mixed(accent, "#ffffff", step / 20)
        if worst_contrast(candidate, dark=True) >= READABLE:
            return candidate
    return "#ffffff"
