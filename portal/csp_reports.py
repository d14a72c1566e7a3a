"""Takes what browsers report of our Content-Security-Policy, and keeps it countable and small."""

import json
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from portal.errors import Refusal
from portal.limits import Limit, take
from portal.models import CspReport
from portal.tenancy import own_transactions

MAX_BYTES = 8 * 1024
MAX_ROWS = 1000  # different ones; more would be somebody filling the table
PER_MINUTE = 30  # by address
LONGEST_WORD = (
    15  # characters; longer parts of a path may be tokens, such as that of a new password's link
)


@own_transactions
@csrf_exempt
@require_POST
def report(request: HttpRequest) -> HttpResponse:
    """204 whatever becomes of it: a browser has no use for more. Reports beyond the limits are dropped."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        raise Refusal("too_large")
    address = request.client_address  # type: ignore[attr-defined, unused-ignore]
    if take([Limit(f"csp-report:{address}", PER_MINUTE, 60)]).allowed:
        found = _read(request.body)
        if found is not None:
            _count(found)
    return HttpResponse(status=204)


def _read(body: bytes) -> dict[str, str] | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    said = data.get("csp-report") if isinstance(data, dict) else None
    if not isinstance(said, dict):
        return None
    directive = str(said.get("effective-directive") or said.get("violated-directive") or "")
    return {
        "directive": _plain(directive.split(" ")[0])[:100],
        "blocked": _place(said.get("blocked-uri"), is_page=False)[:200],
        "page": _place(said.get("document-uri"), is_page=True)[:200],
    }


def _place(value: Any, *, is_page: bool) -> str:
    """A page by its path, anything else by its origin; keywords such as *inline* as they are."""
    text = _plain(str(value or ""))
    try:
        parts = urlsplit(text)
        if not parts.scheme or not parts.netloc:
            return _without_tokens(text.split("?")[0].split("#")[0])
        return (
            _without_tokens(parts.path) if is_page else f"{parts.scheme}://{parts.hostname or ''}"
        )
    except ValueError:
        return "?"


def _without_tokens(path: str) -> str:
    return "/".join("…" if len(part) > LONGEST_WORD else part for part in path.split("/"))


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _count(found: dict[str, str]) -> None:
    rows = CspReport.objects.filter(**found)
    if rows.update(count=F("count") + 1, last_at=timezone.now()):
        return
    if CspReport.objects.count() >= MAX_ROWS:
        return
    try:
        with transaction.atomic():
            CspReport.objects.create(**found)
    except IntegrityError:  # the same report beside this one was faster
        rows.update(count=F("count") + 1, last_at=timezone.now())
