"""A model's answer as HTML that cannot hurt: Markdown without raw HTML, highlighted code, then an allow-list."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED = 20_000  # characters of one code block; longer ones stay plain
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "blockquote"),
    *("ul", "ol", "li", "code", "pre", "span", "div", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "span": {"class"},
    "div": {"class"},
    "code": {"class"},
    "ol": {"start"},
}
SCHEMES = {"http", "https", "mailto"}


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """Pygments' classes for a fenced block; an empty string leaves it to the renderer."""
    if not language or len(code) > MAX_HIGHLIGHTED:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return highlight(code, lexer, HtmlFormatter(nowrap=False, cssclass="highlight"))


_markdown = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable(
    ["table", "strikethrough"]
)
_markdown.disable("image")


def render(text: str) -> SafeString:
    """Safe HTML: no raw HTML, no images, links to http, https and mailto only. Whatever came in, it cannot act."""
    cleaned = nh3.clean(
        _markdown.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(cleaned)  # noqa: S308 - the allow-list above is what makes it safe
