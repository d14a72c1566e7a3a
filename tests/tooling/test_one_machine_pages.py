"""Every route and every page through the door of an installation: headers, cookies, and a browser with no complaint."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error

from portal.route_classes import routes
from tests.conftest import leave_out
from tests.looks.deeds import DEEDS
from tests.looks.house import Furnished, complaints, furnish
from tests.looks.pages import all_pages
from tests.tooling.installation import shell
from tests.tooling.one_machine import missing_programs, one_machine

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("pages of one machine")]
EVERYWHERE = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Server": "nginx",
}
# The built-in provider's switches, slow and failing, are development's.
OF_DEVELOPMENT = {"running", "failed"}


@pytest.fixture(scope="module")
def house(browser):
    if missing := missing_programs():
        leave_out(f"one machine needs {', '.join(missing)}")
    with one_machine() as machine:
        made = furnish(machine.env())
        found = Furnished(machine.base, made, browser, ignore_https_errors=True)
        found.machine = machine
        yield found


def missing_headers(headers, *, is_page):
    lower = {name.lower(): value for name, value in headers.items()}
    missing = [name for name, value in EVERYWHERE.items() if lower.get(name.lower()) != value]
    if "camera=()" not in lower.get("permissions-policy", ""):
        missing.append("Permissions-Policy")
    if not lower.get("x-request-id", "").startswith("req_"):
        missing.append("X-Request-ID")
    if lower.get("cross-origin-resource-policy") not in ("same-origin", "cross-origin"):
        missing.append("Cross-Origin-Resource-Policy")
    policy = lower.get("content-security-policy", "")
    if "frame-ancestors" not in policy or "unsafe" in policy or "*" in policy:
        missing.append("Content-Security-Policy")
    if is_page and "default-src 'self'" not in policy:
        missing.append("Content-Security-Policy of a page")
    return missing


def addresses():
    """One address of each route, with something for each of its variables."""
    for route, _kind, _view in routes():
        path = route.removeprefix("^").removesuffix("$").removesuffix("\\Z")
        path = re.sub(r"<(\w+:)?\w+>", "1", path)
        path = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "1", path)
        yield "/" + path.replace("\\", "").replace("(?:", "").replace(")?", "").strip("^$")


def test_every_route_answers_with_every_header_whatever_it_answers(house):
    asked = sorted(set(addresses()))
    assert len(asked) > 80
    for address in (*asked, "/nowhere/", "/?q=%ff", "/api/nowhere/"):
        for method in ("GET", "POST"):
            answer = house.machine.request(method, address, allow_redirects=False)
            is_page = answer.headers.get("Content-Type", "").startswith("text/html")
            missing = missing_headers(answer.headers, is_page=is_page)
            assert missing == [], (method, address, answer.status_code, answer.headers)
            assert answer.status_code < 500 or answer.status_code == 503, (method, address)
            for cookie in answer.cookies:
                assert cookie.secure, (address, cookie.name)


def test_every_route_opens_in_the_browser_of_somebody_signed_in(house):
    """Whatever it answers to them there: a page, a refusal, data, a file. (Most pages are opened by the next test.)"""
    page = house.window("admin", "light", 1280)
    opened, seen, heard = 0, set(), []

    def hear(found):
        heard.append(found)

    page.on("response", hear)
    for address in sorted(set(addresses()) - {shown.path for shown in all_pages()}):
        heard.clear()
        house.complaints.clear()
        with suppress(Error):  # a file is loaded beside the page, which the browser calls an abort
            page.goto(address, wait_until="domcontentloaded")
        assert heard, address
        for found in heard:
            if found.url in seen:
                continue
            seen.add(found.url)
            assert found.url.startswith(house.base_url), found.url
            headers = found.all_headers()
            is_page = headers.get("content-type", "").startswith("text/html")
            opened += is_page and found.status == 200
            assert missing_headers(headers, is_page=is_page) == [], (address, found.url)
            assert found.status < 500, (address, found.url)
        assert [said for said in house.complaints if "policy" in said.lower()] == [], address
    page.remove_listener("response", hear)
    assert opened > 5, opened
    assert (
        page.goto("/admin/").status == 200
    )  # still signed in: no route ended that by being looked at


@pytest.mark.parametrize("shown", all_pages(), ids=lambda shown: shown.name)
def test_a_page_works_under_its_headers(house, shown):
    house.complaints.clear()
    page = house.window(shown.person, "light", 1280)
    answers: list = []

    def hear(found):
        answers.append(found)

    page.on("response", hear)
    answer = page.goto(shown.path.format(**house.made))
    page.remove_listener("response", hear)
    assert answer.status == shown.status
    assert missing_headers(answer.all_headers(), is_page=True) == []
    assert page.locator("h1").count() == 1
    for found in answers:
        assert found.url.startswith(house.base_url), found.url  # nothing is loaded from elsewhere
        assert found.status < 400 or found.status == shown.status, found.url
        headers = found.all_headers()
        assert headers["x-content-type-options"] == "nosniff", found.url
        assert headers["cross-origin-resource-policy"] == "same-origin", found.url
    assert complaints(house, shown.status) == []


@pytest.mark.parametrize(
    "deed", [deed for deed in DEEDS if deed.name not in OF_DEVELOPMENT], ids=lambda deed: deed.name
)
def test_a_deed_is_done_under_its_headers(house, deed):
    house.complaints.clear()
    page = house.window(deed.person, "light", 1280)
    deed.do(page, house.made)
    assert [said for said in house.complaints if "policy" in said.lower()] == []


def test_cookies_are_for_https_and_out_of_scripts_reach(house):
    cookies = house.window("marco", "light", 1280).context.cookies()
    session = next(cookie for cookie in cookies if "session" in cookie["name"])
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")
    assert all(cookie["secure"] and cookie["sameSite"] in ("Lax", "Strict") for cookie in cookies)


def test_a_violation_is_reported_to_the_console_and_nothing_else_was(house):
    count = "from portal.models import CspReport; print(CspReport.objects.exclude(blocked='chrome-extension://abc').count())"
    assert shell(house.machine.env(), count) == "0"
    page = house.window("marco", "light", 1280)
    page.goto("/")
    with page.expect_request("**/csp-report/") as told:
        page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
            " document.body.append(s); }"
        )
    assert told.value.response().status == 204
    assert page.evaluate("window.owned") is None
    assert shell(house.machine.env(), count) == "1"
