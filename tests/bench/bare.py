"""The portal without encryption, tenancy and security headers, to measure what they cost. Nothing but a benchmark runs this."""

import os
from typing import Any

os.environ["GATEHOUSE_PROCESS"] = "web"
os.environ["DATABASE_URL"] = os.environ["DATABASE_ADMIN_URL"].replace("/postgres?", "/portal?")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings

settings.MIDDLEWARE = [
    name
    for name in settings.MIDDLEWARE
    if name
    not in (
        "django.middleware.security.SecurityMiddleware",
        "portal.content_security.ContentSecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "teams.middleware.TenantMiddleware",
    )
]

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after the settings above

application = get_wsgi_application()

from portal import encryption, middleware, tenancy  # noqa: E402
from projects import ledger  # noqa: E402

_unseal = encryption.unseal


def _seal(text: str, **_: Any) -> bytes:
    return b"clear." + text.encode()


def _open(token: bytes, **where: Any) -> str:
    """What this process wrote, and what the set-up wrote before it."""
    return token[6:].decode() if token.startswith(b"clear.") else _unseal(token, **where)


encryption.seal, encryption.unseal = _seal, _open
middleware.HEADERS.clear()
tenancy._words = lambda scope: ""
tenancy.scope_of = lambda user: tenancy.EVERYTHING
ledger._may_keep = lambda passage: True
