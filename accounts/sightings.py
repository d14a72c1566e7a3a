"""Whether a person or key is seen with a device or from a network for the first time; hashes alone are kept.

The very first sighting is never unusual: there is nothing to compare it with.
"""

import hmac
import secrets
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse

from accounts.models import Sighting, User
from portal import addresses

COOKIE_AGE_S = 365 * 24 * 60 * 60
IPV4_PREFIX, IPV6_PREFIX = 24, 48  # a network: what an office or a provider's customers share


def network_of(address: str) -> str:
    """The network that an address stands for; an IPv4 address in IPv6 is itself."""
    return addresses.network_of(address, ipv4=IPV4_PREFIX, ipv6=IPV6_PREFIX)


def is_new(owner: str, kind: str, value: str) -> bool:
    """Notes a sighting; True where there were others of this kind, and none of this value."""
    digest = _digest(owner, kind, value)
    seen = Sighting.objects.filter(owner=owner, kind=kind).aggregate(
        all=Count("pk"), this=Count("pk", filter=Q(digest=digest))
    )
    if seen["this"]:
        return False
    try:
        with transaction.atomic():
            Sighting.objects.create(owner=owner, kind=kind, digest=digest)
    except IntegrityError:
        return False  # seen at the same moment by another process
    return bool(seen["all"])


def device_of(request: HttpRequest) -> str:
    """What this browser is known by: a random cookie of its own, made with the first sign-in."""
    found = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not 32 <= len(found) <= 64:
        found = secrets.token_urlsafe(32)
        request._device_cookie = found  # type: ignore[attr-defined]
    return found


def known_device(request: HttpRequest, email: str) -> str:
    """A name for this browser, if this account was signed in with it before; empty otherwise.

    The same work for accounts that exist and those that do not.
    """
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not cookie:
        return ""
    found = User.objects.filter(email=email.strip().lower()).values_list("pk", flat=True).first()
    owner = f"user:{found or 0}"
    digest = _digest(owner, "device", cookie)
    is_known = Sighting.objects.filter(owner=owner, kind="device", digest=digest).exists()
    return digest if is_known else ""


def set_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Gives the browser the cookie that `device_of` made for it."""
    made = getattr(request, "_device_cookie", None)
    if made is not None:
        response.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            made,
            max_age=COOKIE_AGE_S,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _digest(*parts: Any) -> str:
    text = "\x00".join(["sighting", *parts]).encode()
    return hmac.new(settings.KEY_PEPPER, text, "sha256").hexdigest()
