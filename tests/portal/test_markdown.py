"""An answer is shown as Markdown, and whatever a model or an attacker writes into it cannot act."""

from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from portal.markdown import ATTRIBUTES, MAX_HIGHLIGHTED, MAX_RENDERED, SCHEMES, TAGS, render


class Seen(HTMLParser):
    """Every tag and attribute that a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))


def is_harmless(html: str) -> bool:
    for tag, attributes in Seen(html).tags:
        allowed = ATTRIBUTES.get(tag, set()) | ({"rel"} if tag == "a" else set())
        if tag == "pre" and attributes in (
            {"tabindex": "0"},
            {"class": "highlight", "tabindex": "0"},
        ):
            continue
        if tag not in TAGS or not set(attributes) <= allowed:
            return False
        if tag == "a":
            scheme = (attributes.get("href") or "https:").split(":")[0].lower()
            if scheme not in SCHEMES or attributes["rel"] != "noopener noreferrer nofollow":
                return False
    return True


def test_it_renders_what_answers_are_made_of():
    html = render("# Title\n\n**bold** *em* ~~gone~~ `code`\n\n3. third\n\n> quoted\n\n---")
    for expected in ("<h1>Title</h1>", "<strong>", "<em>", "<s>", "<code>code</code>", "<hr>"):
        assert expected in html
    assert '<ol start="3">' in html
    assert isinstance(html, SafeString)


def test_it_renders_tables_without_inline_styles():
    html = render("|name|cost|\n|:-|-:|\n|a|1|")
    assert "<th>cost</th>" in html
    assert "style" not in html


def test_it_keeps_the_line_breaks_that_were_streamed():
    assert render("one\ntwo") == "<p>one<br>\ntwo</p>\n"


def test_it_highlights_code_by_class_alone():
    html = render("```python title=x\ndef ask(): pass\n```")
    assert '<pre class="highlight" tabindex="0"><code><span class="k">def</span>' in html
    assert is_harmless(html)


@pytest.mark.parametrize("language", ["", "no-such-language", "x" * 5000, 'py" onclick="x'])
def test_code_in_an_unknown_language_stays_plain(language):
    assert '<pre tabindex="0"><code>&lt;b&gt;\n</code></pre>' in render(f"```{language}\n<b>\n```")


def test_a_very_long_block_of_code_stays_plain():
    html = render("```python\n" + "x = 1\n" * MAX_HIGHLIGHTED + "```")
    assert "<span" not in html


def test_a_very_long_answer_is_shown_as_it_is():
    html = render("**<b>**" * MAX_RENDERED)
    assert html.startswith("<pre>**&lt;b&gt;**")


def test_links_lead_outside_and_carry_nothing_along():
    html = render("[docs](https://example.com/a?b=c) and [mail](mailto:sam@example.com)")
    assert '<a href="https://example.com/a?b=c" rel="noopener noreferrer nofollow">docs</a>' in html
    assert '<a href="mailto:sam@example.com"' in html


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "&#x6A;avascript&colon;alert(1)",
        "java\tscript:alert(1)",
        "<javascript:alert(1)>",
        "<java\tscript:alert(1)>",
        "vbscript:msgbox(1)",
        "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "//example.com/x",
        "/account/logout/",
        "?next=x",
        "\\\\example.com",
        "blob:https://example.com/x",
    ],
)
def test_only_absolute_links_to_the_web_and_to_mail_are_links(link):
    html = render(f"[click]({link}) <{link}>\n\n[ref]\n\n[ref]: {link}")
    assert not any(attributes.get("href") for _tag, attributes in Seen(html).tags)
    assert is_harmless(html)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<style>*{display:none}</style>",
        "<form action=/account/logout/ method=post><button>Go</button></form>",
        "<base href=//example.com>",
        "<meta http-equiv=refresh content=0>",
        "<!--><img src=x onerror=alert(1)>-->",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<a href='https://x' onclick=alert(1)>x</a>",
        '[x](https://example.com "a\\" onmouseover=alert(1) x=\\"")',
        '[x](https://example.com"onmouseover=alert(1))',
        "[x](<https://example.com/ onmouseover=alert(1)>)",
        '```"><img/src=x/onerror=alert(1)>\ncode\n```',
        "```html\n</code></pre><script>alert(1)</script>\n```",
        "`</code><script>alert(1)</script>`",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
        "<https://example.com/<script>alert(1)</script>>",
        "|a|\n|-|\n|<img src=x onerror=alert(1)>|",
        "# <details ontoggle=alert(1) open>",
    ],
)
def test_raw_html_and_breakouts_are_only_text(text):
    assert is_harmless(render(text))


@pytest.mark.parametrize(
    "text", ["![pixel](https://example.com/p.png)", "![p][r]\n\n[r]: https://example.com/p.png"]
)
def test_no_image_is_fetched(text):
    assert all(tag != "img" for tag, _attributes in Seen(render(text)).tags)


@pytest.mark.parametrize(
    "text",
    [
        ">" * 20_000,
        "- " * 10_000,
        "[" * 20_000,
        "*a_" * 10_000,
        "`" * 20_001,
        "![](" * 5_000,
        "<" * 20_000,
        "|" * 4_000 + "\n" + "|-" * 4_000,
        "\n".join(" " * depth + "- deep" for depth in range(500)),
    ],
)
def test_hostile_nesting_neither_fails_nor_acts(text):
    assert is_harmless(render(text))


MARKS = st.sampled_from(
    ["<", ">", '"', "'", "`", "```", "[", "](", ")", "!", "*", "_", "\n", "\n\n", "|", "&#", "\\"]
    + [
        "javascript:",
        "https://x",
        " on",
        "=",
        "<script>",
        "<img src=x onerror=y>",
        "html",
        "a",
        " ",
    ]
)


@given(st.lists(MARKS | st.text(max_size=5), max_size=40).map("".join))
def test_nothing_that_anybody_writes_can_act(text):
    assert is_harmless(render(text))
