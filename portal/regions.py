"""Where a provider computes, as its administrator names it: short codes such as `eu`, `ch` or `eu-central-1`."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
MAX_LISTED = 30


def validate_region(value: str) -> None:
    if not _REGION.fullmatch(value):
        raise ValidationError(
            _(
                "%(value)s is no region: write a short code in lower case, such as eu or eu-central-1."
            ),
            params={"value": value[:60]},
        )


def regions_of(value: str) -> tuple[str, ...]:
    """The codes of a stored list."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def validate_regions(value: str) -> None:
    """Codes separated by commas; empty means everywhere."""
    found = regions_of(value)
    if len(found) > MAX_LISTED:
        raise ValidationError(_("At most %(count)d regions."), params={"count": MAX_LISTED})
    for item in found:
        validate_region(item)


def is_allowed(region: str, value: str) -> bool:
    """Whether a list lets a provider in this region answer. Where one is listed, a provider without region is refused."""
    listed = regions_of(value)
    return not listed or region in listed


def is_wider(before: str, after: str) -> bool:
    """Whether a list lets a provider answer somewhere that the list before it did not."""
    old, new = regions_of(before), regions_of(after)
    return bool(old) and (not new or not set(new) <= set(old))
