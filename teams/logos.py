"""Uploaded logos: decoded and drawn anew, so that nothing of the uploaded file reaches a browser."""

from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

MAX_BYTES = 512 * 1024
MAX_SIDE = 4000  # pixels, before it is made smaller
SHOWN = (480, 128)  # pixels, kept within
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def redrawn(upload: Any) -> bytes:
    """A PNG of the first frame, at most 480 × 128 pixels. Raises `ValidationError` for what is no such image."""
    if upload.size > MAX_BYTES:
        raise ValidationError(_("The file is larger than 512 KiB."))
    try:
        image = Image.open(BytesIO(upload.read()), formats=FORMATS)
        if max(image.size) > MAX_SIDE:
            raise ValidationError(_("The image is larger than 4,000 pixels on a side."))
        drawn = image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ValidationError(_("Upload a PNG, JPEG, WebP or GIF image.")) from None
    drawn.thumbnail(SHOWN)
    clean = Image.new("RGBA", drawn.size)
    clean.paste(drawn)
    written = BytesIO()
    clean.save(written, "PNG", optimize=True)
    return written.getvalue()
