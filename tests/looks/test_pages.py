"""Every page in both themes, wide and on a phone: axe finds nothing, nothing is too wide, the browser has no complaint."""

from pathlib import Path

import axe_playwright_python
import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from tests.looks.deeds import DEEDS
from tests.looks.house import complaints
from tests.looks.pages import NOT_PAGES, all_pages
from tests.looks.shown import error_pages, mails, show

pytestmark = pytest.mark.once
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ROWS = "#result_list tbody tr:nth-child(n+9)"  # rows are alike: the first ones are looked at


# On a phone the same nodes lie differently: what depends on that is looked at again.
OF_LAYOUT = ["target-size", "scrollable-region-focusable", "meta-viewport"]


def violations(page, *, kind="tag", values=RULES):
    """What axe finds, in words: by tags of its rules, or by rules. It loads nothing itself."""
    page.evaluate(AXE)
    options = {
        "runOnly": {"type": kind, "values": values},
        "preload": False,
        "resultTypes": ["violations"],
    }
    found = page.evaluate(
        "([exclude, options]) => axe.run({ exclude: [exclude] }, options)", [ROWS, options]
    )
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def named(resolver, found):
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLPattern):
            named(pattern, found)
        elif pattern.name:
            found.add(pattern.name)
    return found


def test_every_door_is_a_page_here_or_none_at_all():
    doors = named(get_resolver(), set())
    interfaces: set[str] = set()
    for resolver in get_resolver().url_patterns:
        if str(resolver.pattern) in ("api/", "v1/"):
            named(resolver, interfaces)
    pages = {page.door for page in all_pages()}
    for name in doors - interfaces - NOT_PAGES - pages:
        # A log has no form to fill in; a history leads to the trail.
        assert name.endswith(("_add", "_delete", "_history")), name
    assert pages <= doors
    assert doors >= NOT_PAGES


def opened(house, shown, theme, width):
    page = house.window(shown.person, theme, width)
    answer = page.goto(shown.path.format(**house.made))
    assert answer.status == shown.status
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints(house, shown.status) == []
    return page


@pytest.mark.parametrize("shown", all_pages(), ids=lambda shown: shown.name)
def test_it_is_accessible_fits_and_is_silent(house, shown):
    house.complaints.clear()
    page = opened(house, shown, "light", 1280)
    assert page.locator("h1").count() == 1
    assert " · " in page.title()
    assert violations(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page, kind="rule", values=["color-contrast"]) == []
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    phone = opened(house, shown, "dark", 360)
    assert violations(phone, kind="rule", values=OF_LAYOUT) == []


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_what_appears_after_a_deed_is_accessible_too(house, deed):
    house.complaints.clear()
    for theme, width in (("light", 1280), ("dark", 360)):
        page = house.window(deed.person, theme, width)
        deed.do(page, house.made)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
    assert complaints(house, deed.status) == []


@pytest.mark.parametrize(
    ("name", "html"),
    [*error_pages(), *mails()],
    ids=lambda value: value[:40] if "<" not in value else "",
)
def test_error_pages_and_mails_are_accessible(house, name, html):
    for theme, width in (("light", 1280), ("dark", 360)):
        page = house.window("", theme, width)
        show(page, html)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
