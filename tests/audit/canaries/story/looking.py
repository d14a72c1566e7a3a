"""Everybody looks at every page and every resource there is."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

from tests.audit.canaries.browser import Browser, page_of
from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.places import route_of
from tests.audit.canaries.story.cast import Cast, cookies

EACH = 2  # addresses of one route that one person looks at; of entries of the trail, more
ENTRIES = 15
LEAVE = ("/logout/", "/account/impersonation/")
LOOKERS = ("admin", "auditor", "owner", "member")


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    browsers = [cast.people[who].browser for who in LOOKERS]
    with ThreadPoolExecutor(len(LOOKERS)) as threads:
        list(threads.map(look, browsers))
    for browser in browsers:
        cookies(canaries, browser)
    stranger = house.browser("stranger", "198.51.100.90")
    wander(stranger, ["/", "/admin/", "/account/login/", "/account/password/reset/", "/readyz"])


def look(browser: Browser) -> None:
    wander(browser, ["/", "/admin/", "/account/", "/api/docs/"])
    read_interfaces(browser)


def wander(browser: Browser, begin: list[str]) -> None:
    """Follows every link to a page of the portal, but a few of each route only."""
    seen, waiting, count = set(begin), list(begin), Counter[str]()
    while waiting:
        path = waiting.pop(0)
        made = browser.get(path)
        if "html" not in made.header("Content-Type") or made.status != 200:
            location = made.header("Location")
            links = [location] if location else []
        else:
            links = page_of(made.text).links
        for link in links:
            parts = urlsplit(urljoin(f"https://portal.example.com{path}", link))
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if (
                parts.netloc != "portal.example.com"
                or target in seen
                or any(one in target for one in LEAVE)
            ):
                continue
            route = route_of(target) + ("?" if parts.query else "")
            most = ENTRIES if route.startswith("/admin/audit/entry/<path") else EACH
            most = 1 if parts.query else most
            if count[route] < most and not target.startswith("/static/"):
                count[route] += 1
                seen.add(target)
                waiting.append(target)


def read_interfaces(browser: Browser) -> None:
    """Each list and its rows, as the document of the API names them."""
    document = browser.get("/api/schema/?format=json")
    paths = document.json["paths"]
    for path, methods in paths.items():
        if "get" not in methods:
            continue
        if "{" not in path:
            found = browser.get(f"{path}?page_size=200" if path.startswith("/api/") else path)
            if found.status == 200 and "json" in found.header("Content-Type"):
                rows = found.json.get("results", []) if isinstance(found.json, dict) else []
                detail = next(
                    (one for one in paths if re.fullmatch(re.escape(path) + r"\{\w+\}/", one)), ""
                )
                name = re.search(r"\{(\w+)\}", detail)
                for row in rows[:EACH] if name else []:
                    key = row.get(name[1], row.get("uid", row.get("id", row.get("slug"))))
                    browser.get(detail.replace(name[0], str(key)))
