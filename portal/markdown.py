"""A model's answer as HTML that cannot hurt: Markdown without raw HTML, highlighted code, then an allow-list."""

from functools import lru_cache

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED = 20_000  # characters of one code block; longer ones stay plain
MAX_RENDERED = 200_000  # characters of one answer; longer ones are shown as they are
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "blockquote"),
    *("ul", "ol", "li", "code", "pre", "span", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "span": {"class"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}

_formatter = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=256)
def _lexer(language: str) -> Lexer | None:
    """Pygments' lexer by name. Cached also when there is none: a miss searches all that is installed."""
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """Pygments' classes for a fenced block; an empty string leaves it to the renderer."""
    if not language or len(language) > 40 or len(code) > MAX_HIGHLIGHTED:
        return ""
    lexer = _lexer(language.lower())
    if lexer is None:
        return ""
    return f'<pre class="highlight"><code>{highlight(code, lexer, _formatter)}</code></pre>\n'


_markdown = MarkdownIt(
    "commonmark", {"html": False, "breaks": True, "highlight": _highlighted}
).enable(["table", "strikethrough"])
_markdown.disable("image")
_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    tag_attribute_values={"pre": {"class": {"highlight"}}},
    set_tag_attribute_values={
        "pre": {"tabindex": "0"}
    },  # wide code scrolls; the keyboard has to reach it
    url_schemes=SCHEMES,
    url_relative="deny",  # an answer points outside, never at deeds of the portal itself
    link_rel="noopener noreferrer nofollow",
)


def render(text: str) -> SafeString:
    """Safe HTML: no raw HTML, no images, absolute links to http, https and mailto only. Whatever came in, it cannot act."""
    if len(text) > MAX_RENDERED:
        return format_html("<pre>{}</pre>", text)
    return mark_safe(_cleaner.clean(_markdown.render(text)))  # noqa: S308 - the allow-list makes it safe
