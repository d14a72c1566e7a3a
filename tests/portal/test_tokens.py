"""The look's colours can be read: every text on every ground it stands on, in both themes."""

import re

import pytest
from django.conf import settings

CSS = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()
GROUNDS = ("paper", "raised", "sunken")
TEXTS = [(text, ground) for text in ("ink", "ink-quiet", "accent") for ground in GROUNDS]
TEXTS += [("accent-strong", ground) for ground in GROUNDS] + [("bad", "raised")]
TEXTS += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-bad", "bad")]
TEXTS += [(name, f"{name}-soft") for name in ("warn", "bad", "good", "shade", "accent")]
TEXTS += [("ink", f"{name}-soft") for name in ("warn", "bad", "good", "shade", "accent")]
TEXTS += [("ink-quiet", "accent-soft")]
GRAPHICS = [("line-strong", ground) for ground in ("paper", "raised")]


PAIR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\);")
USUAL, _, STRONGER = CSS.partition("@media (prefers-contrast: more)")
THEMES = {
    "light": {name: light for name, light, _dark in PAIR.findall(USUAL)},
    "dark": {name: dark for name, _light, dark in PAIR.findall(USUAL)},
}
THEMES |= {
    "light, more contrast": THEMES["light"] | {n: light for n, light, _ in PAIR.findall(STRONGER)},
    "dark, more contrast": THEMES["dark"] | {n: dark for n, _, dark in PAIR.findall(STRONGER)},
}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_the_standard_says():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


def test_every_colour_has_a_value_in_both_themes():
    assert len(THEMES["light"]) >= 20
    assert re.findall(r"--[a-z-]+: #", CSS) == []


def test_who_asks_for_more_contrast_gets_it():
    assert contrast(THEMES["light, more contrast"]["line"], THEMES["light"]["raised"]) >= 4.5
    assert contrast(THEMES["dark, more contrast"]["line"], THEMES["dark"]["raised"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_text_can_be_read(theme, text, ground):
    assert contrast(THEMES[theme][text], THEMES[theme][ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("line", "ground"), GRAPHICS)
def test_the_edges_of_controls_can_be_seen(theme, line, ground):
    assert contrast(THEMES[theme][line], THEMES[theme][ground]) >= 3


@pytest.mark.parametrize("name", ["pages", "playground", "console"])
def test_colours_are_written_in_the_tokens_alone(name):
    css = (settings.BASE_DIR / "static" / "css" / f"{name}.css").read_text()
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)|rgba?\(|hsla?\(", css) == []
