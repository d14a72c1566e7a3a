"""Pages that no healthy portal shows, and mails: rendered here, and put before the browser under the portal's address."""

from collections.abc import Iterator

from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Page

from portal.errors import ERRORS, Refusal, error_response

LINK = "https://portal.example.com/account/password/reset/key/1-abc123/"
MAILS = ("invitation", "password_reset_key", "unknown_account")


def error_pages() -> Iterator[tuple[str, str]]:
    """(name, HTML) of each error's page."""
    for code, meaning in ERRORS.items():
        refusal = Refusal(code, retry_after=7 if meaning.status == 429 else None)
        response = error_response(RequestFactory().get("/somewhere/"), refusal)
        yield f"error-{meaning.status}-{code}", response.content.decode()


def mails() -> Iterator[tuple[str, str]]:
    """(name, HTML) of each mail."""
    context = {"link": LINK, "password_reset_url": LINK, "portal": "https://portal.example.com"}
    for name in MAILS:
        yield f"mail-{name}", render_to_string(f"account/email/{name}_message.html", context)


def show(page: Page, html: str) -> None:
    """As if the portal had answered with it: its stylesheets and icons are loaded."""
    page.route("**/shown/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/shown/")
    page.unroute("**/shown/")
