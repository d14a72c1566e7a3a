"""Uploaded logos: decoded and drawn or written anew, so that nothing of the uploaded file reaches a browser."""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image

from teams import svg

MAX_BYTES = 512 * 1024
MAX_SIDE = 4000  # pixels, before it is made smaller
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# What decoders raise at a broken file.
BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError),
    *(MemoryError, struct.error, Image.DecompressionBombError),
)
PNG, SVG = "png", "svg"
CONTENT_TYPES = {PNG: "image/png", SVG: "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture of our own making, and its kind: *png* or *svg*."""

    data: bytes
    kind: str


def taken(upload: Any) -> Logo:
    """The picture as a PNG, or an SVG as SVG. Raises `ValidationError` for what is none."""
    if upload.size > MAX_BYTES:
        raise ValidationError(_("The file is larger than 512 KiB."))
    data: bytes = upload.read()
    if data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return Logo(svg.rewritten(data), SVG)
    return Logo(redrawn(data), PNG)


def redrawn(data: bytes) -> bytes:
    """A PNG of the first frame, at most 480 × 128 pixels. Raises `ValidationError` for what is no such image."""
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        if max(image.size) > MAX_SIDE:
            raise ValidationError(_("The image is larger than 4,000 pixels on a side."))
        drawn = image.convert("RGBA")
    except BROKEN:
        raise ValidationError(_("Upload an SVG, PNG, JPEG, WebP or GIF image.")) from None
    drawn.thumbnail(svg.SHOWN)
    clean = Image.new("RGBA", drawn.size)
    clean.paste(drawn)
    written = BytesIO()
    clean.save(written, "PNG", optimize=True)
    return written.getvalue()
