"""Logos as SVG: what is shown is what we wrote ourselves, and in a browser it runs nothing and loads nothing."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from teams import logos, svg

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 60 30">'
SQUARE = '<rect width="20" height="20" fill="#7a1f5c"/>'
EVIL = "http://127.0.0.1:9/evil"


def made(inner, head=OPEN):
    return svg.rewritten(f"{head}{inner}</svg>".encode()).decode()


#: what is in it, and what must not be left of it; each is beside a square that stays
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "script by reference": f'<script href="{EVIL}"/>',
    "script of another namespace": '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    "html": '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>',
    "iframe": f'<iframe xmlns="http://www.w3.org/1999/xhtml" src="{EVIL}"/>',
    "event": '<rect width="5" height="5" onload="alert(1)" onclick="alert(1)" ONMOUSEOVER="alert(1)"/>',
    "image": f'<image href="{EVIL}" width="5" height="5"/>',
    "image by xlink": f'<image xlink:href="{EVIL}" width="5" height="5"/>',
    "image as data": '<image href="data:image/svg+xml;base64,PHN2Zy8+" width="5" height="5"/>',
    "use of elsewhere": f'<use href="{EVIL}#a"/>',
    "use by xlink": f'<use xlink:href="{EVIL}#a"/>',
    "use of data": '<use href="data:image/svg+xml;base64,PHN2Zy8+#a"/>',
    "link": '<a href="javascript:alert(1)"><rect width="5" height="5"/></a>',
    "gradient of elsewhere": f'<linearGradient id="g" href="{EVIL}#g"/>',
    "fill": f'<rect width="5" height="5" fill="url({EVIL}#p)"/>',
    "fill in quotes": f'<rect width="5" height="5" fill="url(\'{EVIL}#p\')"/>',
    "fill in capitals": f'<rect width="5" height="5" fill="URL({EVIL}#p)"/>',
    "fill with an escape": r'<rect width="5" height="5" fill="\75rl(//127.0.0.1:9/evil)"/>',
    "fill without a scheme": '<rect width="5" height="5" fill="url(//127.0.0.1:9/evil#p)"/>',
    "fill after a good one": f'<rect width="5" height="5" fill="url(#p) url({EVIL})"/>',
    "cursor": f'<rect width="5" height="5" cursor="url({EVIL}), auto"/>',
    "filter": f'<filter id="f"><feImage href="{EVIL}"/></filter><rect width="5" height="5" filter="url(#f)"/>',
    "style attribute": f'<rect width="5" height="5" style="background:url({EVIL});fill:url({EVIL})"/>',
    "style import": f'<rect width="5" height="5" style="@import \'{EVIL}\'"/>',
    "style expression": '<rect width="5" height="5" style="fill:expression(alert(1))"/>',
    "font": f'<text font-family="x;src:url({EVIL})">A</text>',
    "animated href": '<use id="u" href="#r"><animate attributeName="href" values="data:image/svg+xml,x"/></use><rect id="r" width="1" height="1"/>',
    "set": '<rect width="5" height="5"><set attributeName="onload" to="alert(1)"/></rect>',
    "handler": '<handler xmlns:ev="http://www.w3.org/2001/xml-events" ev:event="load">alert(1)</handler>',
    "metadata": f'<metadata><rdf xmlns="x" about="{EVIL}"/></metadata>',
    "processing instruction": f'<?xml-stylesheet href="{EVIL}"?>',
    "comment": f"<!-- {EVIL} alert(1) -->",
    "cdata": "<title><![CDATA[</title><script>alert(1)</script>]]></title>",
    "text that is markup": "<text>&lt;script&gt;alert(1)&lt;/script&gt;</text>",
    "base": f'<rect width="5" height="5" xml:base="{EVIL}"/>',
    "inner svg": f'<svg onload="alert(1)"><image href="{EVIL}"/></svg>',
    "pattern": f'<pattern id="p"><image href="{EVIL}"/></pattern>',
    "marker": f'<path d="M0 0L1 1" marker-end="url({EVIL}#m)"/>',
    "mask": f'<rect width="5" height="5" mask="url({EVIL}#m)"/>',
    "clip": f'<rect width="5" height="5" clip-path="url({EVIL}#m)"/>',
    "video": f'<video xmlns="http://www.w3.org/1999/xhtml" src="{EVIL}" autoplay=""/>',
    "audio of svg two": f'<audio href="{EVIL}"/><video href="{EVIL}"/>',
    "nested in what is left out": "<filter><g><g><script>alert(1)</script></g></g></filter>",
}
LEFT = re.compile(
    r"<(?!\?xml|/?(?:svg|rect|use|text|title|linearGradient|path)\b)|evil|\bon\w+=|javascript|data:|@import|expression\(",
    re.I,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_of_what_is_hostile_nothing_is_left(name):
    written = made(HOSTILE[name] + SQUARE)
    assert 'fill="#7a1f5c"' in written
    assert LEFT.search(written) is None, written
    for element in ElementTree.fromstring(written).iter():
        space, _brace, local = element.tag.rpartition("}")
        assert space == "{http://www.w3.org/2000/svg"
        assert local in svg.ELEMENTS
        assert set(element.attrib) <= svg.ATTRIBUTES | {"href"}
        assert element.get("href", "#").startswith("#")
    assert svg.rewritten(written.encode()).decode() == written  # nothing more is left to take away


BAD = {
    "doctype": '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
    "entity": '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">]>',
    "external entity": '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "parameter entity": f'<!DOCTYPE svg [<!ENTITY % a SYSTEM "{EVIL}"> %a;]>',
}


@pytest.mark.parametrize("name", BAD)
def test_doctypes_and_entities_are_refused(name):
    body = "<text>&a;</text>" if "entity" in name else ""
    with pytest.raises(ValidationError) as refused:
        svg.rewritten(f"{BAD[name]}{OPEN}{SQUARE}{body}</svg>".encode())
    assert "DOCTYPE" in str(refused.value)


def laughs():
    """Ten groups, each of which shows the one before it ten times."""
    inner = '<g id="g0"><rect width="1" height="1"/></g>'
    for number in range(1, 11):
        uses = f'<use href="#g{number - 1}"/>' * 10
        inner += f'<g id="g{number}">{uses}</g>'
    return inner


def masks():
    inner = '<mask id="m0"><rect width="1" height="1"/></mask>'
    for number in range(1, 11):
        rects = f'<rect width="1" height="1" mask="url(#m{number - 1})"/>' * 10
        inner += f'<mask id="m{number}">{rects}</mask>'
    return inner


REFUSED = {
    "nothing": "",
    "nothing that is drawn": "<title>A</title>",
    "a style sheet": f"<style>@import '{EVIL}';</style>{SQUARE}",
    "many elements": SQUARE * 2_001,
    "many that are left out": "<filter/>" * 2_001 + SQUARE,
    "deep": "<g>" * 50 + SQUARE + "</g>" * 50,
    "deep in what is left out": "<filter>" * 50 + "</filter>" * 50 + SQUARE,
    "many attributes": "<rect " + " ".join(f'a{n}="1"' for n in range(61)) + "/>",
    "a billion squares": laughs(),
    "a billion masks": masks(),
    "itself": '<g id="a"><use href="#a"/></g>',
    "each other": '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>',
    "a mask of itself": '<mask id="m"><rect width="1" height="1" mask="url(#m)"/></mask>',
    "a second meaning of a name": laughs() + '<g id="g9"/>',
    "broken": "<rect",
    "an entity of nobody": "<text>&nobody;</text>" + SQUARE,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_or_nothing_is_refused(name):
    with pytest.raises(ValidationError):
        made(REFUSED[name])


LONG = 480_000
LONG_VALUES = {
    "a word": ('<path d="{}"/>', "a" * LONG),
    "spaces": ('<path d="M{}"/>', "&#32;" * (LONG // 5)),
    "brackets": ('<path transform="{}"/>', "rgb(" * (LONG // 4)),
    "references": ('<path fill="{}"/>', "url(#a" * (LONG // 6)),
    "declarations": ('<path style="{}"/>', "fill:a;" * (LONG // 7)),
}


@pytest.mark.parametrize("name", LONG_VALUES)
def test_the_longest_value_is_read_in_one_go(name):
    """Looked at again from each of its characters, it would keep a web process for days."""
    element, value = LONG_VALUES[name]
    assert "<svg" in made(SQUARE + element.format(value))


@pytest.mark.parametrize("width", ["1" * LONG + "z", ".1" * (LONG // 2), "1" * LONG + "e"])
def test_the_longest_size_is_read_in_one_go_too(width):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" height="1" width="{width}">'
    with pytest.raises(ValidationError):
        made(SQUARE, head)


SIZES = {
    '<svg xmlns="http://www.w3.org/2000/svg">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 0 30">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1e9 1e9">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 nan inf">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9000 3">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" width="-5" height="5">': None,
    '<svg width="60" height="30">': None,
    '<html xmlns="http://www.w3.org/1999/xhtml">': None,
    '<svg xmlns="http://www.w3.org/2000/svg" width="60px" height="30">': (
        "0 0 60 30",
        "256",
        "128",
    ),
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5,0 960 96" width="9999999">': (
        "-5 0 960 96",
        "480",
        "48",
    ),
}


@pytest.mark.parametrize("head", SIZES)
def test_a_picture_says_a_size_that_a_logo_has(head):
    close = "</svg>" if "<svg" in head else "</html>"
    data = f"{head}{SQUARE}{close}".encode()
    if SIZES[head] is None:
        with pytest.raises(ValidationError):
            svg.rewritten(data)
        return
    root = ElementTree.fromstring(svg.rewritten(data))
    assert (root.get("viewBox"), root.get("width"), root.get("height")) == SIZES[head]


def test_what_a_logo_needs_stays():
    inner = (
        '<defs><linearGradient id="g" gradientUnits="userSpaceOnUse" x1="0" x2="60">'
        '<stop offset="0" style="stop-color:#7a1f5c;stop-opacity:.5;-x-y:z"/>'
        '<stop offset="1" stop-color="rgb(0, 10, 20)"/></linearGradient>'
        '<clipPath id="c"><circle cx="10" cy="10" r="9"/></clipPath></defs>'
        '<g transform="translate(1 2) rotate(3)" clip-path="url(#c)"><path d="M0,0 L1e1-2Z" fill="url(#g)"/></g>'
        '<use xlink:href="#c"/><text font-family="\'DejaVu Sans\', serif">A &amp; <tspan>B</tspan></text>'
    )
    written = made(inner)
    for part in (
        'stop-color="#7a1f5c" stop-opacity=".5"',
        'stop-color="rgb(0, 10, 20)"',
        'transform="translate(1 2) rotate(3)" clip-path="url(#c)"',
        'd="M0,0 L1e1-2Z" fill="url(#g)"',
        '<use href="#c"/>',
        "A &amp; <tspan>B</tspan>",
    ):
        assert part in written


@given(st.binary(max_size=200), st.sampled_from([b"<svg", b"<", OPEN.encode(), b"<?xml"]))
def test_whatever_comes_is_refused_or_ours(data, head):
    upload = SimpleUploadedFile("x.svg", head + data)
    try:
        logo = logos.taken(upload)
    except ValidationError:
        return
    assert logo.kind == "svg"
    ElementTree.fromstring(logo.data)


def test_a_file_that_is_too_large_is_not_read():
    with pytest.raises(ValidationError):
        logos.taken(SimpleUploadedFile("x.svg", OPEN.encode() + b" " * (512 * 1024)))


@pytest.fixture
def listener():
    """Notes every request that reaches it."""
    asked = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            pages = Ear.pages
            kind, body = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    Ear.pages = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Ear.pages, asked
    server.shutdown()


@pytest.mark.once
def test_in_a_browser_it_runs_nothing_and_loads_nothing(listener, browser):
    """Without our headers, as a page of its own and within one: the writing alone must hold."""
    address, pages, asked = listener
    for number, inner in enumerate(HOSTILE.values()):
        inner = inner.replace(EVIL, f"{address}/evil").replace("//127.0.0.1:9", f"//{address[7:]}")
        inner = inner.replace("alert(1)", "document.documentElement.setAttribute('ran','1')")
        pages[f"/{number}.svg"] = ("image/svg+xml", made(inner + SQUARE).encode())
        pages[f"/{number}.html"] = ("text/html", f"<div>{made(inner + SQUARE)}</div>".encode())
    page = browser.new_page()
    told = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message) or dialog.dismiss())
    for number in range(len(HOSTILE)):
        for kind in ("svg", "html"):
            page.goto(f"{address}/{number}.{kind}", wait_until="load")
            assert page.evaluate("document.querySelector('[ran]')") is None, number
    page.close()
    assert [path for path in asked if "evil" in path] == []
    assert told == []
