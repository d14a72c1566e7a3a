"""What the Content-Security-Policy would refuse in a page: the tests' stand-in for a browser on every page."""

from html.parser import HTMLParser

DATA = {"application/json", "text/template"}  # scripts that are never run


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "style" or (
            tag == "script" and "src" not in given and given.get("type") not in DATA
        ):
            self.found.append(f"<{tag}>")
        self.found += [
            f"<{tag} {name}>" for name in given if name == "style" or name.startswith("on")
        ]
        for name in ("href", "src", "action", "formaction"):
            scheme = given.get(name, "").strip().lower()
            if scheme.startswith(("javascript:", "http:", "https:", "//")):
                self.found.append(f"<{tag} {name}={scheme[:40]}>")


def inline_parts(html: str) -> list[str]:
    """Inline scripts, styles and event attributes, and whatever is loaded from or leads to elsewhere."""
    parser = _Inline()
    parser.feed(html)
    parser.close()
    return parser.found
