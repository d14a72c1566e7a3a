"""Uploaded SVG logos, written anew from what was understood: shapes, gradients, masks and text, and nothing else.

The parser knows no DTD and no entity. What is in no list here is left out with all that is in it; nothing refers to
anything but a part of the same picture, and what those references multiply has a bound.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

NAMESPACE = "http://www.w3.org/2000/svg"
XLINK_HREF = "http://www.w3.org/1999/xlink href"
MAX_ELEMENTS = 2_000
MAX_DEPTH = 40
MAX_ATTRIBUTES = 60  # of one element
MAX_SHOWN = 20_000  # elements that are drawn once every reference is followed
MAX_SIDE = 100_000  # of the view box
SHOWN = (480, 128)  # pixels that any logo is kept within


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHAPES = ("path", "rect", "circle", "ellipse", "line", "polyline", "polygon")
_TEXTS = ("text", "tspan", "title", "desc")
_REFERRING = ("use", "linearGradient", "radialGradient")
ELEMENTS = frozenset(
    (*_SHAPES, *_TEXTS, *_REFERRING, "svg", "g", "defs", "symbol", "stop", "clipPath", "mask")
)
DRAWN = frozenset((*_SHAPES, "text", "use"))
STYLES = _words(
    "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity color clip-path clip-rule mask stop-color stop-opacity display "
    "visibility font-family font-size font-weight font-style text-anchor letter-spacing dominant-baseline "
    "vector-effect"
)
ATTRIBUTES = STYLES | _words(
    "id d x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy points width height viewBox preserveAspectRatio transform offset "
    "gradientUnits gradientTransform spreadMethod clipPathUnits maskUnits maskContentUnits"
)
FUNCTIONS = _words("rgb rgba hsl hsla translate scale rotate skewx skewy matrix url")
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)
_VALUE = re.compile(r"[\w\s.,#%()+'\"-]*", re.ASCII)
_BETWEEN_NAMES = re.compile(r"[^\w-]", re.ASCII)
_URL = re.compile(r"url\(\s*(['\"]?)#([A-Za-z_][\w.-]{0,99})\1\s*\)", re.ASCII)
_LENGTH = re.compile(
    r"\s*((?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)(?:px)?\s*", re.ASCII | re.I
)


@dataclass(slots=True)
class _Node:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Any] = field(default_factory=list)  # nodes, and the text between them
    refers: list[str] = field(default_factory=list)


def rewritten(data: bytes) -> bytes:
    """The picture as we understood it. Raises `ValidationError` for what is none, and for what is too much of one."""
    root = _Reader().read(data)
    nodes = list(_nodes(root))
    if not any(node.name in DRAWN for node in nodes):
        raise ValidationError(_("There is nothing in this picture that can be shown."))
    _bound(root, _named(nodes))
    _measure(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_written(root)}\n'.encode()


class _Reader:
    """Expat's events into nodes. What is left out is skipped with its subtree."""

    def __init__(self) -> None:
        self._root: _Node | None = None
        self._open: list[_Node] = []
        self._skipped = 0
        self._elements = 0

    def read(self, data: bytes) -> _Node:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        for name in ("StartDoctypeDecl", "EntityDecl", "ExternalEntityRef", "SkippedEntity"):
            setattr(parser, f"{name}Handler", _refuse_types)
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError):
            raise ValidationError(_("This is no SVG picture that can be read.")) from None
        if self._root is None:
            raise ValidationError(_("This is no SVG picture that can be read."))
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        depth = len(self._open) + self._skipped
        if self._elements > MAX_ELEMENTS or depth >= MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise ValidationError(_("This picture has too many parts for a logo."))
        space, _space, local = name.rpartition(" ")
        if (space, local) == (NAMESPACE, "style"):
            words = _(
                "Its look is in a style sheet. Export it with presentation attributes instead."
            )
            raise ValidationError(words)
        is_root = self._root is None
        if (
            self._skipped
            or space != NAMESPACE
            or (local == "svg") != is_root
            or local not in ELEMENTS
        ):
            if is_root:
                raise ValidationError(_("This is no SVG picture that can be read."))
            self._skipped += 1
            return
        node = _node(local, attributes)
        if is_root:
            self._root = node
        else:
            self._open[-1].children.append(node)
        self._open.append(node)

    def _end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self._open.pop()

    def _text(self, text: str) -> None:
        if not self._skipped and self._open and self._open[-1].name in _TEXTS:
            self._open[-1].children.append(text)


def _refuse_types(*_anything: Any) -> None:
    raise ValidationError(_("This picture has a DOCTYPE or entities. Export it without."))


def _node(name: str, attributes: dict[str, str]) -> _Node:
    """With the attributes that we know, and those that its style attribute says."""
    node = _Node(name)
    said = dict(attributes)
    for declaration in said.pop("style", "").split(";"):
        key, _colon, value = declaration.partition(":")
        if key.strip() in STYLES:
            said[key.strip()] = value.strip()
    for key, value in said.items():
        if key in ("href", XLINK_HREF):
            target = value.strip().removeprefix("#")
            if name in _REFERRING and value.strip().startswith("#") and _NAME.fullmatch(target):
                node.attributes["href"] = f"#{target}"
                node.refers.append(target)
        elif key in ATTRIBUTES and _is_safe(key, value):
            node.attributes[key] = " ".join(value.split())
            node.refers += [found[2] for found in _URL.finditer(value)]
    return node


def _is_safe(key: str, value: str) -> bool:
    if key == "id":
        return _NAME.fullmatch(value) is not None
    without = _URL.sub("", value)
    if "url" in without.lower() or not _VALUE.fullmatch(value):
        return False
    return FUNCTIONS.issuperset(_called(without.lower()))


def _called(value: str) -> list[str]:
    """What stands before each bracket. Split and not searched for: the time is that of the value's length."""
    return [_BETWEEN_NAMES.split(part.rstrip())[-1] for part in value.split("(")[:-1]]


def _nodes(node: _Node) -> Any:
    yield node
    for child in node.children:
        if isinstance(child, _Node):
            yield from _nodes(child)


def _named(nodes: list[_Node]) -> dict[str, _Node]:
    """By id. A name that was given before is taken away: what it means must be beyond doubt."""
    found: dict[str, _Node] = {}
    for node in nodes:
        name = node.attributes.get("id")
        if name is not None and found.setdefault(name, node) is not node:
            del node.attributes["id"]
    return found


def _bound(root: _Node, named: dict[str, _Node]) -> None:
    """References that come back to themselves, or multiply beyond what a logo is, are refused."""
    known: dict[int, int] = {}
    under_way: set[int] = set()

    def shown(node: _Node, depth: int) -> int:
        if id(node) in known:
            return known[id(node)]
        if id(node) in under_way or depth > 8 * MAX_DEPTH:
            raise ValidationError(_("Parts of this picture refer to themselves."))
        under_way.add(id(node))
        total = 1
        parts = [child for child in node.children if isinstance(child, _Node)]
        for part in (*parts, *(named[name] for name in node.refers if name in named)):
            total += shown(part, depth + 1)
        under_way.discard(id(node))
        known[id(node)] = total
        if total > MAX_SHOWN:
            raise ValidationError(_("This picture has too many parts for a logo."))
        return total

    shown(root, 0)


def _measure(root: _Node) -> None:
    """The view box from what the picture says of its size, and a size within what is shown."""
    numbers = [_number(text) for text in re.split(r"[\s,]+", root.attributes.get("viewBox", ""))]
    if len(numbers) != 4 or None in numbers:
        sides = [_length(root.attributes.get(name, "")) for name in ("width", "height")]
        numbers = [0.0, 0.0, *sides]
    if None in numbers or any(abs(number or 0) > MAX_SIDE for number in numbers):
        raise ValidationError(_("This picture does not say how large it is, or is far too large."))
    left, top, width, height = (float(number or 0) for number in numbers)
    if min(width, height) <= 0 or not 1 / 50 <= width / height <= 50:
        raise ValidationError(_("This picture has no size that a logo could have."))
    scale = min(SHOWN[0] / width, SHOWN[1] / height)
    root.attributes["viewBox"] = " ".join(f"{number:g}" for number in (left, top, width, height))
    root.attributes |= {"width": f"{width * scale:g}", "height": f"{height * scale:g}"}
    for name in ("x", "y"):
        root.attributes.pop(name, None)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _length(text: str) -> float | None:
    found = _LENGTH.fullmatch(text)
    return _number(found[1]) if found else None


def _written(node: _Node) -> str:
    attributes = dict(node.attributes)
    if node.name == "svg":
        attributes = {"xmlns": NAMESPACE, **attributes}
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inner = "".join(
        _written(child) if isinstance(child, _Node) else escape(child) for child in node.children
    )
    return f"<{node.name}{said}>{inner}</{node.name}>" if inner else f"<{node.name}{said}/>"
