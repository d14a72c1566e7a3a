"""The widget on a page of somebody else, whose policy is strict: only the portal's scripts and connections."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from teams.branding import palettes_of
from teams.logos import taken
from teams.models import Branding
from widget.models import Widget

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def foreign_page(live_server, cast):
    """A page on another origin that shows the helpdesk's widget."""
    widget = Widget.objects.create(
        project=cast.helpdesk, name="Ask us", allowed_domains=["127.0.0.1"]
    )
    portal = live_server.url

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            tag = f'<script src="{portal}/widget/loader.js" data-key="{widget.public_id}" async></script>'
            body = f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{tag}".encode()
            policy = f"default-src 'none'; script-src {portal}; connect-src {portal}"
            if self.path == "/pictures":
                policy += f"; img-src {portal}"
            shown = self.path in ("/", "/pictures")
            self.send_response(200 if shown else 204)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            if shown:
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def test_a_visitor_opens_it_asks_and_closes_it_by_keyboard(foreign_page, browser):
    page = browser.new_page()
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(foreign_page)
    page.get_by_role("button", name="Chat").press("Enter")
    box = page.get_by_label("Your message")
    box.fill("say: <b>Welcome</b> to the shop.")
    box.press("Enter")
    page.get_by_text("<b>Welcome</b> to the shop.", exact=True).wait_for()
    assert page.get_by_role("dialog", name="Ask us").is_visible()
    box.press("Escape")
    assert page.get_by_role("button", name="Chat").is_visible()
    assert [text for text in complaints if "favicon" not in text] == []
    page.close()


PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 30"><rect width="60" height="30"/></svg>'


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_wears_the_look_of_its_team(foreign_page, cast, browser, theme):
    branding = Branding(team=cast.support, app_name="Help centre", accent="#7a1f5c")
    logo = taken(SimpleUploadedFile("logo.svg", PICTURE))
    branding.set_logo(logo.data, logo.kind)
    branding.save()
    wanted = palettes_of(branding)[theme]
    page = browser.new_page(color_scheme=theme)
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{foreign_page}pictures")
    page.get_by_role("button", name="Chat").click()
    page.get_by_role("dialog", name="Help centre").wait_for()
    page.wait_for_function(
        "[...document.querySelectorAll('div')].some(d => d.shadowRoot?.querySelector('.logo')?.naturalWidth)"
    )
    style = "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
    found = page.get_by_role("button", name="Send").evaluate(style)
    rgb = [
        "rgb({}, {}, {})".format(*bytes.fromhex(c[1:])) for c in (wanted.accent, wanted.on_accent)
    ]
    assert found == rgb
    assert [text for text in complaints if "favicon" not in text] == []
    page.close()
    page = browser.new_page(color_scheme=theme)
    page.goto(foreign_page)  # its policy takes no pictures: the name and the colours are worn
    page.get_by_role("button", name="Chat").click()
    page.get_by_role("dialog", name="Help centre").wait_for()
    assert page.get_by_role("button", name="Send").evaluate(style) == rgb
    page.wait_for_function(
        "[...document.querySelectorAll('div')].every(d => !d.shadowRoot?.querySelector('.logo'))"
    )
    page.close()
