"""Pictures of every page: `make screenshots` writes them all to var/screenshots, and the README's to docs/images.

python -m tests.looks [--only NAME] [--docs]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.chromium import ARGUMENTS, program
from tests.looks.house import THEMES, WIDTHS, Furnished, furnished

ROOT = Path(__file__).parents[2]
OUT = ROOT / "var" / "screenshots"
DOCS = ROOT / "docs" / "images"
# The README's pictures: the page or deed, its theme and width.
PICTURES = {
    "console": ("console", "light", 1280),
    "blocked": ("blocked", "dark", 1280),
    "usage": ("exchange-list", "light", 1280),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes pictures of every page.")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    parser.add_argument("--docs", action="store_true", help="the README's pictures too")
    options = parser.parse_args()
    os.environ.setdefault("PORTAL_ENV", "development")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    chromium = program()
    if chromium is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PORTAL_DATA_DIR"] = directory
        django.setup()
        OUT.mkdir(parents=True, exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            with furnished(Path(directory), browser) as house:
                taken = take(house, options.only)
            browser.close()
    sys.stdout.write(f"{taken} pictures in {OUT.relative_to(ROOT)}\n")
    if options.docs:
        for name, (page, theme, width) in PICTURES.items():
            keep(OUT / f"{page}-{theme}-{width}.png", DOCS / f"{name}.png")
        sys.stdout.write(f"{len(PICTURES)} of them in {DOCS.relative_to(ROOT)}\n")


def take(house: Furnished, only: str) -> int:
    """Every page, deed, error page and mail, in both themes, wide and on a phone; how many pictures."""
    from tests.looks.deeds import DEEDS
    from tests.looks.pages import all_pages
    from tests.looks.shown import error_pages, mails, show

    taken = 0
    for theme in THEMES:
        for width in WIDTHS:

            def picture(name: str, person: str, lead: object, *, full: bool = True) -> None:
                nonlocal taken
                if name.startswith(only):
                    page = house.window(person, theme, width)  # noqa: B023 - called in its turn
                    lead(page)  # type: ignore[operator]
                    page.wait_for_timeout(100)
                    path = OUT / f"{name}-{theme}-{width}.png"  # noqa: B023
                    page.screenshot(path=path, full_page=full)
                    taken += 1

            for shown in all_pages():
                path = shown.path.format(**house.made)
                picture(
                    shown.name, shown.person, lambda page, to=path: page.goto(to), full=shown.full
                )
            for deed in DEEDS:
                picture(
                    deed.name,
                    deed.person,
                    lambda page, do=deed.do: do(page, house.made),
                    full=False,
                )
            for name, html in (*error_pages(), *mails()):
                picture(name, "", lambda page, body=html: show(page, body), full=False)
    return taken


def keep(source: Path, target: Path) -> None:
    """A small copy: at most 900 pixels high, in 128 colours."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        cut = image.convert("RGB").crop((0, 0, image.width, min(image.height, 900)))
        cut.quantize(128).save(target, optimize=True)


if __name__ == "__main__":
    main()
